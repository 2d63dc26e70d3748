// exit_group, a deadly signal and main's return end all threads, which sit in all kinds of calls; the
// leader's pthread_exit ends nothing. The parent sees one status, the right one.
#include "program.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>

static int ends[2], word;
static atomic_int sitting;

static void *sit(void *which) {
  char byte;
  atomic_fetch_add(&sitting, 1);
  switch ((intptr_t)which) {
    case 0: return (void *)(intptr_t)read(ends[0], &byte, 1);
    case 1: return (void *)(intptr_t)poll(NULL, 0, -1);
    case 2: return (void *)(intptr_t)syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
    case 3: for (;;) getppid();
    case 4: for (;;) demand(pipe(ends) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
    default: return (void *)(intptr_t)nanosleep(&(struct timespec){60, 0}, NULL);
  }
}

static void *end(void *way) {
  switch ((intptr_t)way) {
    case 0: exit(40);
    case 1: syscall(SYS_exit_group, 41); break;
    case 2: abort();
    case 3: pthread_exit(NULL);
    case 4: return NULL;
    case 5: kill(getpid(), SIGKILL); pause(); break;
    case 6: syscall(SYS_tgkill, getpid(), gettid(), SIGSEGV); pause(); break;
    case 7: *(volatile int *)8 = 1; break;
  }
  return NULL;
}

int main(void) {
  alarm(60);
  for (intptr_t way = 0; way < 8; way++) {
    for (int leader = 0; leader < 2; leader++) {
      pid_t child = fork();
      if (child == 0) {
        demand(pipe(ends) == 0);
        pthread_t thread;
        int idle = way == 3 || way == 4;
        for (intptr_t which = 0; which < (idle ? 0 : 6); which++) pthread_create(&thread, NULL, sit, (void *)which);
        while (!idle && atomic_load(&sitting) < 6) nap();
        if (leader) {
          end((void *)way);
          if (way == 4) return 42;
        }
        pthread_create(&thread, NULL, end, (void *)way);
        if (leader) exit(43);
        pthread_exit(NULL);
      }
      char who[32];
      snprintf(who, sizeof who, "way %d by %s", (int)way, leader ? "the leader" : "a thread");
      tell_child(who, child, 0);
    }
  }
  return 0;
}
