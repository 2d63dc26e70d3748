// Kills processes that fork in a loop, at any moment: a newborn whose parent dies before the tracer heard of it must go on all
// the same. Each round ends when no process holds the round's pipe any more.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void fork_for_ever(void) {
  for (;;) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
  }
}

int main(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  alarm(60);
  for (int round = 0; round < 60; round++) {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    pid_t forker = fork();
    if (forker == 0) {
      close(ends[0]);
      fork_for_ever();
    }
    close(ends[1]);
    usleep(200 + rand() % 3000);
    kill(forker, SIGKILL);
    struct pollfd set = {ends[0], POLLIN, 0};
    if (poll(&set, 1, -1) != 1) return 1;
    close(ends[0]);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
  puts("all ended");
  return 0;
}
