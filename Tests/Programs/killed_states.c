// SIGKILL ends a process in whatever state it is: in a call, spinning, stopped, waiting for a vfork child, in
// exec, making threads, about to be stopped. Its parent learns exactly that, once.
#include "program.h"

#include <poll.h>
#include <pthread.h>

static char self_path[4096];
static int ends[2];

static void *spin(void *unused) {
  for (;;) syscall(SYS_getppid);
  return unused;
}
static void *nothing(void *unused) { return unused; }

static void be_killed(int state, atomic_int *ready) {
  pthread_t thread;
  char byte;
  atomic_store(ready, 1);
  switch (state) {
    case 0:
      while (read(ends[0], &byte, 1) != 1) continue;
      break;
    case 1: nanosleep(&(struct timespec){60, 0}, NULL); break;
    case 2: poll(NULL, 0, -1); break;
    case 3: for (;;) getppid();
    case 4: raise(SIGSTOP); break;
    case 5: for (;;) execl(self_path, "killed_states", "again", (char *)NULL);
    case 6:
      if (vfork() == 0) {
        alarm(1);
        pause();
      }
      break;
    case 7:
      for (int i = 0; i < 4; i++) pthread_create(&thread, NULL, spin, NULL);
      pthread_exit(NULL);
    case 8: for (;;) { pthread_create(&thread, NULL, nothing, NULL); pthread_join(thread, NULL); }
    case 9: for (;;) kill(getpid(), SIGWINCH);
    case 10: for (;;) { int other[2]; if (pipe(other) == 0) { close(other[0]); close(other[1]); } }
    case 11: for (;;) { int fd = open("/dev/zero", O_RDONLY); close(fd); sched_yield(); }
  }
  _exit(1);
}

int main(int count, char **arguments) {
  if (count > 1) {
    // Exec'd by one that is to be killed in the middle of that.
    execl(arguments[0][0] == '/' ? arguments[0] : "/proc/self/exe", "killed_states", "again", (char *)NULL);
    _exit(2);
  }
  alarm(60);
  demand(readlink("/proc/self/exe", self_path, sizeof self_path - 1) > 0 && pipe(ends) == 0);
  atomic_int *ready = shared(sizeof *ready);
  int ended = 0, wrong = 0;
  for (int state = 0; state < 12; state++) {
    for (int round = 0; round < 6; round++) {
      atomic_store(ready, 0);
      pid_t child = fork();
      if (child == 0) be_killed(state, ready);
      until(ready, 1);
      for (int i = 0; i < round * 30; i++) sched_yield();
      if (round % 3 == 2) kill(child, SIGSTOP);
      if (round % 3 == 1) kill(child, SIGURG);
      kill(child, SIGKILL);
      int status;
      pid_t got = waitpid(child, &status, 0);
      if (got == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ended++;
      else wrong++;
      if (waitpid(child, &status, WNOHANG) != -1) wrong++;
    }
  }
  say("killed: %d, wrong: %d\n", ended, wrong);
  return 0;
}
