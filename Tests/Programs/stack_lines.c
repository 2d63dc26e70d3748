// Makes a pipe deep within functions, one of them inlined: compiled with -g the lines are known, without it the functions.
#include "program.h"

static inline __attribute__((always_inline)) void inlined(int *ends) {
  demand(pipe(ends) == 0);  // line of the pipe
}

__attribute__((noinline)) static void inner(int *ends) {
  inlined(ends);  // line of the inlined call
  say("made\n");
}

__attribute__((noinline)) static void outer(int *ends) {
  inner(ends);  // line of the inner call
  say("done\n");
}

static void handler(int number) {
  int ends[2];
  (void)number;
  demand(pipe(ends) == 0);  // line in the handler
}

int main(void) {
  int ends[2];
  outer(ends);  // line of the outer call
  signal(SIGUSR1, handler);
  raise(SIGUSR1);  // line of the signal
  return 0;
}
