// Hangs, burns or idles in the way that its argument says, once it has said who could end that; ends at a line on
// standard input where it reads that.
#include "program.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int is_locked;

static void *lock_for_ever(void *unused) {
  pthread_mutex_lock(&mutex);
  atomic_store(&is_locked, gettid());
  for (;;) pause();
  return unused;
}

static pid_t child_that(void (*work)(void)) {
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    _exit(0);
  }
  return child;
}
static void wait_for_mutex(void) { pthread_mutex_lock(&mutex); }
static void wait_for_ever(void) { for (;;) pause(); }

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "";
  char byte;
  int ends[2];
  alarm(100);
  demand(pipe(ends) == 0);
  struct pollfd input = {0, POLLIN, 0};
  if (strcmp(what, "forked_lock") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, lock_for_ever, NULL);
    while (!atomic_load(&is_locked)) nap();
    pid_t child = child_that(wait_for_mutex);
    until_asleep(child);
    say("%d %d\n", child, atomic_load(&is_locked));
    poll(&input, 1, -1);
  } else if (strcmp(what, "pipe") == 0) {
    pid_t child = child_that(wait_for_ever);
    close(ends[1]);
    say("%d\n", child);
    return read(ends[0], &byte, 1) != 1;
  } else if (strcmp(what, "children") == 0) {
    pid_t child = child_that(wait_for_ever);
    until_asleep(child);
    say("%d\n", child);
    waitpid(child, NULL, 0);
  } else if (strcmp(what, "burn") == 0) {
    say("going\n");
    for (volatile long i = 0;; i++) continue;
  } else if (strcmp(what, "spin") == 0) {
    struct pollfd set[2] = {{ends[0], POLLIN, 0}, input};
    demand(write(ends[1], "A", 1) == 1);
    say("going\n");
    while (!set[1].revents) poll(set, 2, -1);
  } else if (strcmp(what, "idle") == 0) {
    int instance = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    demand(epoll_ctl(instance, EPOLL_CTL_ADD, ends[0], &event) == 0);
    say("going\n");
    while (poll(&input, 1, 0) == 0) epoll_wait(instance, &event, 1, 50);
  } else if (strcmp(what, "ends") == 0) {
    say("going\n");
    poll(&input, 1, -1);
  }
  return 0;
}
