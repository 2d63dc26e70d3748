// Blocking calls are interrupted by SIGSTOP and SIGCONT: most go on (poll and nanosleep as restart_syscall,
// with the time that was left), and those of signal(7)'s last list fail with EINTR although no handler ran.
#include "blocking_calls.h"

static void nothing(void) {}
static void handled_continue(void) { signal(SIGCONT, handle); }

static void stop_and_continue(pid_t child) {
  int status;
  kill(child, SIGSTOP);
  demand(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  kill(child, SIGCONT);
  demand(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
}

int main(void) {
  alarm(60);
  for (int place = 0; place < blocking_count; place++) {
    pid_t child = begin(&blocking[place], nothing);
    for (int round = 0; round < 2; round++) {
      stop_and_continue(child);
      until_asleep(child);
    }
    finish(&blocking[place], child, "stopped twice");
    child = begin(&blocking[place], handled_continue);
    stop_and_continue(child);
    until(&outcome->handled, 1);
    finish(&blocking[place], child, "SIGCONT handled");
  }
  return 0;
}
