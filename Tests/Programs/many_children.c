// Hundreds of processes and threads that end at once, made by several at the same time: each must be known to
// its parent with its own status, however early its first stop comes.
#include "program.h"

#include <pthread.h>

static void *nothing(void *value) { return value; }

static void breed(int which) {
  for (int round = 0; round < 60; round++) {
    pid_t child = round % 3 == 0 ? vfork() : fork();
    if (child == 0) _exit(round + which);
    int status;
    demand(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == round + which);
    pthread_t thread;
    void *value;
    demand(pthread_create(&thread, NULL, nothing, (void *)(intptr_t)round) == 0);
    demand(pthread_join(thread, &value) == 0 && value == (void *)(intptr_t)round);
  }
  pid_t children[40];
  for (int i = 0; i < 40; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      if (i % 4 == 0) kill(getpid(), SIGKILL);
      if (i % 4 == 1) execl("/bin/true", "true", (char *)NULL);
      _exit(i);
    }
  }
  for (int i = 39; i >= 0; i--) {
    int status;
    demand(waitpid(children[i], &status, 0) == children[i]);
    if (i % 4 == 0) demand(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else demand(WIFEXITED(status) && WEXITSTATUS(status) == (i % 4 == 1 ? 0 : i));
  }
}

int main(void) {
  alarm(60);
  pid_t breeders[4];
  for (int i = 0; i < 4; i++) {
    breeders[i] = fork();
    if (breeders[i] == 0) {
      breed(i);
      _exit(0);
    }
  }
  for (int i = 0; i < 4; i++) tell_child("breeder", breeders[i], 0);
  tell("no more", wait(NULL));
  return 0;
}
