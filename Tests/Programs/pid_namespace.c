// A pid namespace: fork returns the namespace's numbers, its first process is 1, adopts orphans, is deaf to
// signals that it does not handle, and takes all others with it when it ends.
#include "program.h"

static volatile sig_atomic_t handled;
static void count(int number) {
  (void)number;
  handled++;
}

static int first_process(void) {
  say("pid %d, parent %d\n", getpid(), getppid());
  atomic_int *flags = shared(2 * sizeof *flags);
  pid_t child = fork();
  if (child == 0) {
    until(flags + 1, 1);
    say("child is %d of %d\n", getpid(), getppid());
    // Deaf: default actions of 1 are not for its own namespace's signals.
    tell("kill 1 TERM", kill(1, SIGTERM));
    tell("kill 1 KILL", kill(1, SIGKILL));
    tell("kill 1 STOP", kill(1, SIGSTOP));
    tell("kill 1 USR1", kill(1, SIGUSR1));
    _exit(3);
  }
  say("forked %d\n", child);
  atomic_store(flags + 1, 1);
  tell_child("child", child, 0);
  while (!handled) nap();
  say("handled %d\n", handled);
  child = fork();
  if (child == 0) {
    if (fork() == 0) {
      while (getppid() != 1 || atomic_load(flags + 1) != 2) nap();
      say("orphan %d has parent 1\n", getpid());
      _exit(4);
    }
    _exit(5);
  }
  tell_child("parent", child, 0);
  atomic_store(flags + 1, 2);
  tell_child("orphan", -1, 0);
  char *words[] = {"sh", "-c", "echo exec in the namespace: $$; (exit 9)", NULL};
  child = vfork();
  if (child == 0) {
    execv("/bin/sh", words);
    _exit(1);
  }
  tell_child("exec'd", child, 0);
  // Left behind: the end of 1 ends it.
  child = fork();
  if (child == 0) {
    atomic_store(flags, 1);
    for (;;) pause();
  }
  until(flags, 1);
  return 6;
}

int main(void) {
  alarm(60);
  if (unshare(geteuid() == 0 ? CLONE_NEWPID : CLONE_NEWUSER | CLONE_NEWPID) != 0) {
    tell("unshare", -1);
    return 0;
  }
  signal(SIGUSR1, count);
  pid_t child = fork();
  if (child == 0) _exit(first_process());
  tell_child("first process", child, 0);
  // The namespace is dead.
  tell("fork", fork());
  return 0;
}
