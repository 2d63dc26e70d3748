// Children made with every odd combination of clone's flags: what is shared (memory, descriptors, folder,
// handlers) and who is told of their end must be as asked, and a child of CLONE_PARENT is the caller's
// sibling (clone(2)).
#include "program.h"

#include <linux/sched.h>
#include <poll.h>

static volatile int memory_word;
static char stacks[16][65536] __attribute__((aligned(16)));

static int child_of_clone(void *unused) {
  (void)unused;
  memory_word = 1;
  close(100);
  if (chdir("/") != 0) return 1;
  signal(SIGUSR2, SIG_IGN);
  return 7;
}

static void combination(const char *name, unsigned long flags, int place) {
  memory_word = 0;
  demand(dup2(1, 100) == 100 && chdir("/tmp") == 0);
  signal(SIGUSR2, SIG_DFL);
  pid_t child = clone(child_of_clone, stacks[place] + sizeof stacks[place], flags, NULL);
  if (child < 0) {
    tell(name, child);
    return;
  }
  int status = -1;
  pid_t got = waitpid(child, &status, __WALL);
  char folder[64];
  struct sigaction action;
  sigaction(SIGUSR2, NULL, &action);
  say("%s: waited for %d, exited %d, memory %d, descriptor %s, folder %s, handlers %s\n", name, got == child,
      WEXITSTATUS(status), memory_word, fcntl(100, F_GETFD) < 0 ? "closed" : "open", getcwd(folder, sizeof folder),
      action.sa_handler == SIG_IGN ? "shared" : "own");
  close(100);
}

static long clone3(struct clone_args *arguments) { return syscall(SYS_clone3, arguments, sizeof *arguments); }

int main(void) {
  alarm(60);
  combination("fork", SIGCHLD, 0);
  combination("CLONE_VM", CLONE_VM | SIGCHLD, 1);
  combination("CLONE_FILES", CLONE_FILES | SIGCHLD, 2);
  combination("CLONE_FS", CLONE_FS | SIGCHLD, 3);
  combination("CLONE_VM FILES", CLONE_VM | CLONE_FILES | SIGCHLD, 4);
  combination("CLONE_VM SIGHAND", CLONE_VM | CLONE_SIGHAND | SIGCHLD, 5);
  combination("CLONE_VM VFORK", CLONE_VM | CLONE_VFORK | SIGCHLD, 6);
  combination("CLONE_VFORK", CLONE_VFORK | SIGCHLD, 7);
  combination("no signal", 0, 8);
  signal(SIGUSR1, SIG_IGN);
  combination("signal USR1 ignored", SIGUSR1, 9);
  combination("CLONE_PTRACE", CLONE_PTRACE | SIGCHLD, 10);
  combination("CLONE_IO SYSVSEM", CLONE_IO | CLONE_SYSVSEM | SIGCHLD, 11);
  combination("SIGHAND without VM", CLONE_SIGHAND | SIGCHLD, 12);
  combination("THREAD without SIGHAND", CLONE_THREAD | CLONE_VM, 13);
  // clone3 with a pidfd: readable when the child has ended, and then a wait without waiting has it.
  for (int round = 0; round < 50; round++) {
    int pidfd = -1;
    struct clone_args arguments = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    long child = clone3(&arguments);
    if (child == 0) _exit(round);
    demand(child > 0 && poll(&(struct pollfd){pidfd, POLLIN, 0}, 1, 20000) == 1);
    siginfo_t info = {0};
    int result = waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG);
    if (result != 0 || info.si_pid != child || info.si_status != round) {
      say("pidfd %d: %d, pid is the child's %d\n", round, result, info.si_pid == child);
      waitpid(child, NULL, 0);
    }
    close(pidfd);
  }
  struct clone_args wrong = {.flags = CLONE_THREAD, .exit_signal = SIGCHLD};
  tell("clone3 of nonsense", clone3(&wrong));
  tell("clone3 unreadable", syscall(SYS_clone3, 8, sizeof wrong));
  tell("clone3 of no size", syscall(SYS_clone3, &wrong, 0));
  tell("clone3 of a later kernel", syscall(SYS_clone3, &wrong, 1 << 20));
  // A sibling: our child makes it, and it is ours to wait for. (A root's would be its parent's.)
  atomic_int *sibling = shared(sizeof *sibling);
  pid_t middle = fork();
  if (middle == 0) {
    pid_t made = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (made == 0) _exit(5);
    atomic_store(sibling, made);
    int status;
    tell("its maker waits", waitpid(made, &status, 0));
    _exit(6);
  }
  tell_child("maker", middle, 0);
  tell_child("sibling", *sibling, 0);
  // The end of a child that is told by another signal than SIGCHLD is for __WCLONE to wait for.
  pid_t odd = syscall(SYS_clone, SIGUSR1, NULL, NULL, NULL, NULL);
  if (odd == 0) _exit(3);
  tell("wait without __WCLONE", waitpid(odd, NULL, 0));
  tell_child("with it", odd, __WCLONE);
  return 0;
}
