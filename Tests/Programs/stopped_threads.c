// A process that makes threads without end is stopped and continued many times: while it is stopped none of
// its threads, not even one that was just being made, does a step (Linux 6.1, kernel/fork.c,
// task_join_group_stop).
#include "program.h"

#include <pthread.h>

static atomic_long *steps;

static void *step(void *unused) {
  for (int i = 0; i < 20; i++) {
    atomic_fetch_add(steps, 1);
    sched_yield();
  }
  return unused;
}

static void *make_threads(void *unused) {
  for (;;) {
    pthread_t made[4];
    for (int i = 0; i < 4; i++) pthread_create(&made[i], NULL, step, NULL);
    for (int i = 0; i < 4; i++) pthread_join(made[i], NULL);
  }
  return unused;
}

int main(void) {
  alarm(60);
  steps = shared(sizeof *steps);
  pid_t child = fork();
  if (child == 0) {
    alarm(40);
    pthread_t maker;
    pthread_create(&maker, NULL, make_threads, NULL);
    make_threads(NULL);
  }
  int moved = 0, wrong = 0;
  for (int round = 0; round < 150; round++) {
    long begun = atomic_load(steps);
    while (atomic_load(steps) == begun) sched_yield();
    int status;
    kill(child, SIGSTOP);
    if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status)) wrong++;
    long before = atomic_load(steps);
    nap();
    nap();
    if (atomic_load(steps) != before) moved++;
    kill(child, SIGCONT);
    if (waitpid(child, &status, WCONTINUED) != child || !WIFCONTINUED(status)) wrong++;
  }
  say("moved while stopped: %d times; wrong statuses: %d\n", moved, wrong);
  // Stopped, and killed the same moment.
  for (int round = 0; round < 100; round++) {
    pid_t victim = fork();
    if (victim == 0) {
      for (;;) sched_yield();
    }
    kill(victim, SIGSTOP);
    for (int i = 0; i < round * 10; i++) sched_yield();
    kill(victim, SIGKILL);
    int status;
    if (waitpid(victim, &status, 0) != victim || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) wrong++;
  }
  say("wrong ends: %d\n", wrong);
  kill(child, SIGSTOP);
  kill(child, SIGKILL);
  tell_child("child", child, 0);
  return 0;
}
