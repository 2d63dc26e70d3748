// Blocking calls are interrupted by handlers with and without SA_RESTART: each fails with EINTR, returns what
// it has, or starts again, and tells what time was left (signal(7)).
#include "blocking_calls.h"

static void with_flags(int flags) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
  sigaction(SIGUSR1, &action, NULL);
}
static void plain(void) { with_flags(0); }
static void restarting(void) { with_flags(SA_RESTART); }

int main(void) {
  alarm(60);
  for (int place = 0; place < blocking_count; place++) {
    pid_t child = begin(&blocking[place], plain);
    kill(child, SIGUSR1);
    finish(&blocking[place], child, "handler");
    child = begin(&blocking[place], restarting);
    for (int round = 1; round <= 3; round++) {
      kill(child, SIGUSR1);
      until(&outcome->handled, round);
      until_asleep(child);
    }
    finish(&blocking[place], child, "restarting handler");
  }
  return 0;
}
