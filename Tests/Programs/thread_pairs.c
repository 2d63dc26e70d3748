// Threads and processes that wait for each other in turn: a read blocks until another thread writes, while
// others exec and spin. A tracer that waits for one of them alone stands still with them, and one busy thread
// must not starve the rest.
#include "program.h"

#include <pthread.h>

static int there[2], back[2];
static atomic_int enough;

static void *echo(void *unused) {
  char byte;
  while (read(there[0], &byte, 1) == 1 && byte != 'q') demand(write(back[1], &byte, 1) == 1);
  return unused;
}

static void *busy(void *unused) {
  int ends[2];
  char byte = 'b';
  demand(pipe(ends) == 0);
  while (!atomic_load(&enough)) demand(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1);
  return unused;
}

int main(void) {
  alarm(60);
  demand(pipe(there) == 0 && pipe(back) == 0);
  pthread_t threads[4];
  pthread_create(&threads[0], NULL, echo, NULL);
  for (int i = 1; i < 4; i++) pthread_create(&threads[i], NULL, busy, NULL);
  char byte;
  for (int round = 0; round < 100; round++) {
    demand(write(there[1], "x", 1) == 1 && read(back[0], &byte, 1) == 1);
    if (round % 20 == 0) {
      pid_t child = fork();
      if (child == 0) execl("/bin/true", "true", (char *)NULL);
      tell_child("exec'd beside busy threads", child, 0);
    }
  }
  demand(write(there[1], "q", 1) == 1);
  pthread_join(threads[0], NULL);
  atomic_store(&enough, 1);
  for (int i = 1; i < 4; i++) pthread_join(threads[i], NULL);
  say("all answered\n");
  return 0;
}
