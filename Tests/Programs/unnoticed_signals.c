// Signals that a process ignores, by default or by SIG_IGN, or that it blocks, do not wake its blocking
// calls: the kernel drops them when they are sent, but not for a traced process (Linux 6.1, kernel/signal.c,
// sig_ignored).
#include "blocking_calls.h"

static void ignoring(void) {
  signal(SIGUSR1, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(void) {
  alarm(60);
  const int unnoticed[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT, SIGUSR1, SIGUSR2};
  for (int place = 0; place < blocking_count; place++) {
    // Those that have moved something already are another matter: unnoticed_writes.c.
    if (blocking[place].call == call_write || blocking[place].call == call_send) continue;
    for (size_t i = 0; i < sizeof unnoticed / sizeof *unnoticed; i++) {
      pid_t child = begin(&blocking[place], ignoring);
      char how[48];
      snprintf(how, sizeof how, "SIG%s", signal_name(unnoticed[i]));
      for (int round = 0; round < 3; round++) {
        kill(child, unnoticed[i]);
        until_asleep(child);
      }
      finish(&blocking[place], child, how);
    }
  }
  return 0;
}
