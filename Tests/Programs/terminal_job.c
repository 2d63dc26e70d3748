// A foreground job: counts what the terminal sends it, and tells when it is asked by a line; `q` ends it. For
// terminal.c.
#include "program.h"

static volatile sig_atomic_t counts[65];
static void count(int number) {
  counts[number]++;
}

int main(int argument_count, char **arguments) {
  (void)arguments;
  alarm(30);
  const int signals[] = {SIGINT, SIGQUIT, SIGCONT, SIGWINCH, SIGHUP};
  for (size_t i = 0; argument_count == 1 && i < sizeof signals / sizeof *signals; i++) {
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    sigaction(signals[i], &action, NULL);
  }
  say("group is the foreground's: %d\n", tcgetpgrp(0) == getpgrp());
  say("ready\n");
  char line[64];
  for (;;) {
    ssize_t got = read(0, line, sizeof line);
    if (got <= 0) {
      say("read: %zd %s\n", got, got < 0 ? strerrorname_np(errno) : "end");
      return 8;
    }
    if (line[0] == 'q') return 9;
    say("INT %d QUIT %d CONT %d WINCH %d\n", counts[SIGINT], counts[SIGQUIT], counts[SIGCONT], counts[SIGWINCH]);
  }
}
