// Threads sleep in calls that do not stop for longer than the tracer waits before it looks at them: reads, locks, accepts and
// futexes end as they should, none with EINTR, and what gives up after a time (SO_RCVTIMEO) does so after that time and not later;
// also where a forked child uses the connection meanwhile, so that its parent's calls on it are armed.
#include "channels.h"

#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>

// Of so many connections a parent's are armed only once its child uses one.
enum { SECONDS = 2, CONNECTIONS = 12 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static int listener, client, server, files[2];

static void limit_by_time(int fd) {
  struct timeval timeout = {.tv_sec = SECONDS};
  demand(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
}

// A look in between would begin the time anew, half a second after its beginning at the earliest.
static void demand_time(double began) {
  double took = now() - began;
  demand(took > SECONDS - 0.1 && took < SECONDS + 0.4);
}

static void receive(void) {
  char byte;
  double began = now();
  demand(recv(client, &byte, 1, 0) < 0 && errno == EAGAIN);
  demand_time(began);
}

static void *accept_none(void *unused) {
  double began = now();
  demand(accept(listener, NULL, NULL) < 0 && errno == EAGAIN);
  demand_time(began);
  return unused;
}

static void *read_late(void *unused) {
  char byte = 0;
  demand(read(server, &byte, 1) == 1 && byte == 'y');
  return unused;
}

static void *lock_late(void *unused) {
  demand(flock(files[1], LOCK_EX) == 0);
  return unused;
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  listener = socket(AF_INET, SOCK_STREAM, 0);
  demand(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 4) == 0);
  demand(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  for (int count = 0; count < CONNECTIONS; count++) {
    client = socket(AF_INET, SOCK_STREAM, 0);
    demand(connect(client, (struct sockaddr *)&address, size) == 0);
    server = accept(listener, NULL, NULL);
    demand(server >= 0);
  }
  char path[] = "/tmp/faultline-sleepers-XXXXXX";
  files[0] = mkstemp(path);
  files[1] = open(path, O_RDWR);
  demand(files[0] >= 0 && files[1] >= 0 && unlink(path) == 0);
  demand(flock(files[0], LOCK_EX) == 0);
  limit_by_time(client);
  limit_by_time(listener);
  void *(*const sleeps[])(void *) = {accept_none, read_late, lock_late};
  pthread_t threads[3];
  for (int place = 0; place < 3; place++) demand(pthread_create(&threads[place], NULL, sleeps[place], NULL) == 0);
  // It lives on until the others are done: its end would wake them.
  pid_t child = fork();
  if (child == 0) {
    usleep(SECONDS * 400000);
    demand(send(client, "y", 1, 0) == 1);
    for (;;) pause();
  }
  receive();
  pthread_join(threads[0], NULL);
  demand(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
  demand(flock(files[0], LOCK_UN) == 0);
  demand(send(client, "x", 1, 0) == 1);
  pthread_join(threads[1], NULL);
  pthread_join(threads[2], NULL);
  say("all slept as they should\n");
  return 0;
}
