// A child ends, and its SIGCHLD is ignored by default, while the parent is in epoll_wait and then in sigtimedwait: without a tracer
// neither call notices. The child's end is seen by the pipe that it held.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child_that_ends_soon(int keep, int drop) {
  pid_t child = fork();
  if (child != 0) return child;
  close(keep);
  usleep(50000);
  (void)drop;
  _exit(0);
}

int main(void) {
  alarm(60);
  int never[2];
  if (pipe(never) != 0) return 1;
  int instance = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(instance, EPOLL_CTL_ADD, never[0], &event) != 0) return 1;
  pid_t child = child_that_ends_soon(instance, never[1]);
  int found = epoll_wait(instance, &event, 1, 400);
  printf("epoll_wait: %d%s\n", found, found < 0 && errno == EINTR ? " EINTR" : "");
  waitpid(child, NULL, 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct timespec timeout = {0, 400000000};
  child = child_that_ends_soon(instance, never[1]);
  int got = sigtimedwait(&set, NULL, &timeout);
  printf("sigtimedwait: %d%s\n", got, got < 0 && errno == EINTR ? " EINTR" : "");
  waitpid(child, NULL, 0);
  return 0;
}
