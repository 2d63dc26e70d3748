// A vfork parent runs again only after its child has called exec or ended, and then sees what the child did
// to their common memory; other threads run meanwhile. A child that is killed, or that stops first, releases
// it all the same.
#include "program.h"

#include <pthread.h>
#include <spawn.h>

static volatile int step;
static atomic_int *released;

static void *run_meanwhile(void *unused) {
  until(released, 1);
  atomic_store(released, 2);
  return unused;
}

int main(void) {
  alarm(60);
  released = shared(sizeof *released);
  int pipe_ends[2];
  demand(pipe(pipe_ends) == 0);
  pid_t child = vfork();
  if (child == 0) {
    step = 1;
    for (int i = 0; i < 50; i++) sched_yield();
    step = 2;
    execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
    _exit(9);
  }
  say("after the child's exec: %d\n", step);
  tell_child("exec'd", child, 0);
  child = vfork();
  if (child == 0) {
    // A failed exec does not release the parent.
    execl("/does/not/exist", "none", (char *)NULL);
    step = 3;
    _exit(4);
  }
  say("after the child's end: %d\n", step);
  tell_child("ended", child, 0);
  child = vfork();
  if (child == 0) {
    step = 4;
    kill(getpid(), SIGKILL);
    step = 5;
  }
  say("after the child's death: %d\n", step);
  tell_child("killed", child, 0);
  // A thread beside the blocked one runs on, and the child waits for it.
  pthread_t thread;
  pthread_create(&thread, NULL, run_meanwhile, NULL);
  child = vfork();
  if (child == 0) {
    atomic_store(released, 1);
    while (atomic_load(released) != 2) sched_yield();
    step = 6;
    _exit(0);
  }
  say("after the other thread: %d\n", step);
  tell_child("helped", child, 0);
  pthread_join(thread, NULL);
  // Nested: the inner parent is itself a vfork child.
  child = vfork();
  if (child == 0) {
    pid_t inner = vfork();
    if (inner == 0) {
      step = 7;
      _exit(1);
    }
    step += 10;
    _exit(waitpid(inner, NULL, 0) == inner ? 0 : 8);
  }
  say("after the nested one: %d\n", step);
  tell_child("nested", child, 0);
  char *words[] = {"sh", "-c", "echo spawned; exit 12", NULL};
  demand(posix_spawn(&child, "/bin/sh", NULL, NULL, words, NULL) == 0);
  tell_child("posix_spawn", child, 0);
  say("posix_spawn of nothing: %s\n", strerrorname_np(posix_spawn(&child, "/does/not/exist", NULL, NULL, words, NULL)));
  if (system("exit 13") != 13 << 8) say("system differs\n");
  return 0;
}
