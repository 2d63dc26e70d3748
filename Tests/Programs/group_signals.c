// Signals to the whole process group reach each member once: handlers count every catchable signal that the
// program sends to its own group, to its group by number, and to the group from a child. Run in a group of
// its own (in_own_group.c).
#include "program.h"

static volatile sig_atomic_t counts[65], other_sender;
static void count(int number, siginfo_t *info, void *context) {
  (void)context;
  counts[number]++;
  if (info->si_pid != getpid() && info->si_code != SI_TKILL) other_sender++;
}

int main(void) {
  alarm(30);
  struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART};
  for (int number = 1; number < 65; number++) sigaction(number, &action, NULL);
  for (int round = 0; round < 2; round++) {
    for (int number = 1; number < 65; number++) {
      struct sigaction asked;
      if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33) continue;
      // Stop signals stop who has no handler: the tracer's turn is another test's matter (terminal.c).
      if (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU) continue;
      demand(sigaction(number, NULL, &asked) == 0 && kill(round ? -getpgrp() : 0, number) == 0);
    }
  }
  // What somebody else makes of the signals needs its time: two rounds with another process.
  for (int round = 0; round < 20; round++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    nanosleep(&(struct timespec){0, 5000000}, NULL);
  }
  for (int number = 1; number < 65; number++) {
    int expected = counts[number] == 0 ? 0 : 2 + (number == SIGCHLD ? 20 : 0);
    if (counts[number] != expected) say("%s came %d times, not %d\n", signal_name(number), counts[number], expected);
  }
  say("from another sender: %d\n", other_sender - 20);
  return 5;
}
