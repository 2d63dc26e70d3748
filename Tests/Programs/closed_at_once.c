// A thread forks and closes at once what the child shall have, a connection that no stop told of, while another thread waits for ever
// new numbers: for both there are filters to be added, at the same time. Says which processes had connections on which numbers.
#include "channels.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>

// Few rounds in a process: with each the filters get coarser, until everything stops.
enum { PROCESSES = 12, ROUNDS = 7, BLOCK = 32, FAR = 600 };

static pthread_barrier_t round_begins;
static int devnull, jitter;

static void *waits(void *unused) {
  for (int i = 0; i < ROUNDS; i++) {
    struct pollfd entry = {fcntl(devnull, F_DUPFD_CLOEXEC, FAR + i * BLOCK), POLLIN, 0};
    demand(entry.fd >= 0);
    pthread_barrier_wait(&round_begins);
    // Sooner or later within the other's fork.
    for (int64_t turns = 0; turns < jitter; turns++) __asm__ volatile("");
    demand(poll(&entry, 1, 0) == 1);
  }
  return unused;
}

static void rounds(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  demand(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, ROUNDS) == 0);
  demand(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
  devnull = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pthread_barrier_init(&round_begins, NULL, 2);
  pthread_t other = start(waits, NULL);
  for (int i = 0; i < ROUNDS; i++) {
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) < i * BLOCK + BLOCK / 2) continue;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    demand(connect(client, (struct sockaddr *)&address, length) == 0);
    int connection = accept(listener, NULL, NULL);
    demand(connection >= 0);
    pthread_barrier_wait(&round_begins);
    pid_t child = fork();
    if (child == 0) _exit(0);
    demand(close(connection) == 0);
    demand(waitpid(child, NULL, 0) == child);
    say("%d %d\n", getpid(), connection);
  }
  pthread_join(other, NULL);
}

int main(void) {
  alarm(60);
  struct rlimit limit = {FAR + (ROUNDS + 1) * BLOCK, FAR + (ROUNDS + 1) * BLOCK};
  demand(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (int i = 0; i < PROCESSES; i++) {
    jitter = i * 40000;
    pid_t child = fork();
    if (child == 0) {
      rounds();
      _exit(0);
    }
    tell_child("process", child, 0);
  }
  return 0;
}
