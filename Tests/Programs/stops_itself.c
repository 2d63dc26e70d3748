// A program that stops itself, and its whole group, until somebody continues it, as daemons do that tell
// their readiness so. Run in a group of its own (in_own_group.c), where the parent waits for the stop.
#include "program.h"

static volatile sig_atomic_t continued;
static void count(int number) {
  (void)number;
  continued++;
}

int main(void) {
  alarm(20);
  signal(SIGCONT, count);
  raise(SIGSTOP);
  say("continued %d\n", continued);
  kill(0, SIGSTOP);
  say("continued %d\n", continued);
  kill(0, SIGTSTP);
  say("continued %d\n", continued);
  return 3;
}
