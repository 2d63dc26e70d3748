// Children of a parent that ignores SIGCHLD, or has SA_NOCLDWAIT, are reaped by the kernel; orphans go to the
// next subreaper; a death signal comes when the parent thread ends; a zombie stays until it is waited for.
#include "program.h"

#include <pthread.h>
#include <sys/prctl.h>

static volatile sig_atomic_t seen;
static void see(int number) {
  (void)number;
  seen++;
}

static void *fork_and_end(void *shared_child) {
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    atomic_store((atomic_int *)shared_child, getpid());
    pause();
    _exit(1);
  }
  until(shared_child, child);
  return NULL;
}

int main(void) {
  alarm(60);
  atomic_int *flags = shared(4 * sizeof *flags);
  signal(SIGCHLD, SIG_IGN);
  for (int i = 0; i < 30; i++) {
    pid_t child = fork();
    if (child == 0) _exit(1);
  }
  // Waits for all of them, and finds none.
  tell("ignored", wait(NULL));
  struct sigaction action = {.sa_handler = see, .sa_flags = SA_NOCLDWAIT | SA_RESTART};
  sigaction(SIGCHLD, &action, NULL);
  pid_t child = fork();
  if (child == 0) _exit(1);
  tell("SA_NOCLDWAIT", waitpid(child, NULL, 0));
  say("told: %d\n", seen);
  action.sa_flags = SA_RESTART;
  sigaction(SIGCHLD, &action, NULL);
  seen = 0;
  child = fork();
  if (child == 0) _exit(3);
  until_state(child, 'Z');
  while (!seen) nap();
  say("told: %d, still there: %d\n", seen, kill(child, 0) == 0);
  tell_child("zombie", child, 0);
  tell("and then", kill(child, 0));
  // Orphans of orphans come to the subreaper, which sees each end.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  child = fork();
  if (child == 0) {
    for (int i = 0; i < 3; i++) {
      if (fork() == 0) {
        pid_t parent = getppid();
        atomic_fetch_add(flags, 1);
        while (getppid() == parent) nap();
        _exit(50);
      }
    }
    until(flags, 3);
    _exit(4);
  }
  tell_child("parent", child, 0);
  for (int i = 0; i < 3; i++) tell_child("orphan", -1, 0);
  tell("no more", wait(NULL));
  // The death of the thread that forked is what PR_SET_PDEATHSIG means.
  pthread_t thread;
  pthread_create(&thread, NULL, fork_and_end, flags + 1);
  pthread_join(thread, NULL);
  tell_child("child of a thread that ended", -1, 0);
  child = fork();
  if (child == 0) {
    pid_t inner = fork();
    if (inner == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      atomic_store(flags + 2, 1);
      for (;;) pause();
    }
    until(flags + 2, 1);
    _exit(0);
  }
  tell_child("its parent", child, 0);
  tell_child("killed with its parent", -1, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  // exec clears nothing of that, and a child that is reaped with WNOWAIT first can be reaped again.
  child = fork();
  if (child == 0) _exit(17);
  siginfo_t info;
  for (int i = 0; i < 2; i++) {
    demand(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
    say("WNOWAIT: code %d status %d, is the child %d\n", info.si_code, info.si_status, info.si_pid == child);
  }
  tell_child("child", child, 0);
  return 0;
}
