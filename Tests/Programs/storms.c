// Storms of short lives: a thousand processes one after the other and by the hundred, a thousand threads, a tree of forks, threads
// that race to exec, children killed wherever they are, and a working process that is stopped and continued all the time.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int reap(int expected) {
  int right = 0, status;
  while (wait(&status) > 0) right += WIFEXITED(status) && WEXITSTATUS(status) == expected;
  return right;
}

static void processes(void) {
  int right = 0;
  for (int i = 0; i < 1000; i++) {
    if (fork() == 0) _exit(5);
    right += reap(5);
  }
  printf("one by one: %d\n", right);
  right = 0;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100; i++)
      if (fork() == 0) _exit(6);
    right += reap(6);
  }
  printf("by the hundred: %d\n", right);
}

static void *count(void *argument) {
  __atomic_add_fetch((int *)argument, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void threads(void) {
  int counted = 0;
  for (int round = 0; round < 20; round++) {
    pthread_t all[50];
    for (int i = 0; i < 50; i++) pthread_create(&all[i], NULL, count, &counted);
    for (int i = 0; i < 50; i++) pthread_join(all[i], NULL);
  }
  printf("threads: %d\n", counted);
}

static void grow(int depth, int out) {
  if (write(out, "", 1) != 1) _exit(1);
  for (int i = 0; depth > 0 && i < 3; i++)
    if (fork() == 0) {
      grow(depth - 1, out);
      _exit(0);
    }
  // Odd levels do not wait: their children are orphans.
  if (depth % 2 == 0) reap(0);
}

static void tree(void) {
  int ends[2], grown = 0;
  char byte;
  if (pipe(ends) != 0) exit(1);
  if (fork() == 0) {
    grow(5, ends[1]);
    _exit(0);
  }
  close(ends[1]);
  while (read(ends[0], &byte, 1) == 1) grown++;
  close(ends[0]);
  reap(0);
  printf("tree: %d\n", grown);
}

static pthread_barrier_t start;

static void *race(void *program) {
  pthread_barrier_wait(&start);
  execl(program, program, "raced", NULL);
  return NULL;
}

static void races(char *program) {
  int right = 0;
  for (int i = 0; i < 30; i++) {
    if (fork() == 0) {
      pthread_t other;
      pthread_barrier_init(&start, NULL, 8);
      for (int j = 0; j < 7; j++) pthread_create(&other, NULL, race, program);
      race(program);
      _exit(1);
    }
    right += reap(42);
  }
  printf("raced to exec: %d\n", right);
}

static void *pump(void *rounds) {
  for (long i = (long)rounds; i > 0; i--) {
    int ends[2];
    char byte = 'x';
    if (pipe(ends) != 0 || write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) _exit(1);
    close(ends[0]);
    close(ends[1]);
  }
  return NULL;
}

static void kills(void) {
  int killed = 0, status;
  for (int i = 0; i < 100; i++) {
    pid_t child = fork();
    if (child == 0) {
      pthread_t other;
      pthread_create(&other, NULL, pump, (void *)1000000L);
      pump((void *)1000000L);
      _exit(0);
    }
    // From its very start to the middle of its work.
    usleep(i % 10 * 300);
    kill(child, SIGKILL);
    if (waitpid(child, &status, 0) == child) killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  printf("killed: %d\n", killed);
}

static void stops(void) {
  pid_t child = fork();
  if (child == 0) {
    pthread_t others[3];
    for (int i = 0; i < 3; i++) pthread_create(&others[i], NULL, pump, (void *)300L);
    pump((void *)300L);
    for (int i = 0; i < 3; i++) pthread_join(others[i], NULL);
    _exit(7);
  }
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    kill(child, SIGSTOP);
    kill(child, SIGCONT);
    usleep(100);
  }
  printf("stopped and continued: exited %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

int main(int count_, char **arguments) {
  if (count_ > 1 && strcmp(arguments[1], "raced") == 0) return 42;
  setvbuf(stdout, NULL, _IONBF, 0);
  processes();
  threads();
  tree();
  races(arguments[0]);
  kills();
  stops();
  return 0;
}
