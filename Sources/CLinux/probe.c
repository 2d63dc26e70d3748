// What the kernel lets this process do to others, found by doing it to children that exist for that only. Everything
// runs after a fork: a sandbox may answer a call by killing its caller, and that is an answer too.
#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A step that was begun. Who is killed in it leaves this behind.
enum { TRYING = INT_MIN };

// No process has this pid (PID_MAX_LIMIT is 4194304, include/linux/threads.h).
static const pid_t no_such_pid = INT_MAX;
static const uint64_t pattern = 0x6661756c746c696e;

// Shared between the process that asks and those that try.
struct board {
  int32_t steps[CLINUX_STEPS];
  // Who must be ended, even if who made it is killed before.
  pid_t bystander;
};

static int32_t answer(long result) { return result < 0 ? (int32_t)-result : 0; }

static long or_errno(long result) { return result < 0 ? -errno : result; }

#define TRY(board, step, expression)                  \
  do {                                                \
    (board)->steps[step] = TRYING;                    \
    (board)->steps[step] = answer(expression);        \
  } while (0)

// The step in which a process died says so.
static void blame(struct board *board, int signal) {
  for (int i = 0; i < CLINUX_STEPS; i++)
    if (board->steps[i] == TRYING) board->steps[i] = CLINUX_STEP_UNTRIED - signal;
}

// Ends a child that may have ended already: once it is reaped, its number can be another's.
static void end(pid_t pid) {
  int status;
  pid_t got = waitpid(pid, &status, __WALL | WNOHANG);
  if (got < 0 || (got == pid && !WIFSTOPPED(status))) return;
  kill(pid, SIGKILL);
  for (;;) {
    got = waitpid(pid, &status, __WALL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || !WIFSTOPPED(status)) return;
    clinux_ptrace(PTRACE_CONT, pid, 0, 0);
  }
}

// MARK: The traced child

// As a launch does it: without NO_NEW_PRIVS, and if that fails with it (seccomp(2), SECCOMP_SET_MODE_FILTER).
static void run_traced(struct board *board, int release) {
  char go;
  if (read(release, &go, 1) != 1) _exit(1);
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  TRY(board, CLINUX_STEP_FILTER,
      or_errno(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program)));
  if (board->steps[CLINUX_STEP_FILTER] != 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    TRY(board, CLINUX_STEP_FILTER_NO_NEW_PRIVS,
        or_errno(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program)));
  }
  syscall(SYS_getppid);
  _exit(0);
}

// Runs the tracee to the stop `wanted` (status >> 8), passing others over. 0, or the errno that stands for its end.
static long run_to(struct board *board, pid_t pid, int wanted) {
  for (;;) {
    int status;
    pid_t got = waitpid(pid, &status, __WALL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (WIFSIGNALED(status)) blame(board, WTERMSIG(status));
    if (!WIFSTOPPED(status)) return -ECHILD;
    if (status >> 8 == wanted) return 0;
    int signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
    clinux_ptrace(PTRACE_CONT, pid, 0, (uintptr_t)signal);
  }
}

static long expect_info(pid_t pid, int op) {
  struct clinux_syscall_info info;
  long result = clinux_syscall_info(pid, &info);
  return result < 0 ? result : info.op == op ? 0 : -EPROTO;
}

static long expect_memory(pid_t pid) {
  uint64_t copy = 0;
  ssize_t got = clinux_read_memory(pid, (uintptr_t)&pattern, &copy, sizeof copy);
  return got < 0 ? got : copy == pattern ? 0 : -EPROTO;
}

static long expect_peek(pid_t pid) {
  uint64_t copy = 0;
  long result = clinux_ptrace(PTRACE_PEEKDATA, pid, (uintptr_t)&pattern, (uintptr_t)&copy);
  return result < 0 ? result : copy == pattern ? 0 : -EPROTO;
}

// The descriptor that was inherited is the same open file on both sides.
static long expect_same_file(pid_t pid, int fd) {
  int same = clinux_same_file(getpid(), fd, pid, fd);
  return same < 0 ? same : same == 1 ? 0 : -EPROTO;
}

static void try_tracing(struct board *board, uintptr_t options) {
  int32_t *steps = board->steps;
  int release[2];
  if (pipe(release) != 0) return;
  // A call that reaches ptrace finds no such process; a filter in front of it does not look who is meant.
  steps[CLINUX_STEP_PTRACE] = TRYING;
  long result = clinux_ptrace(PTRACE_SEIZE, no_such_pid, 0, 0);
  steps[CLINUX_STEP_PTRACE] = result == -ESRCH ? 0 : answer(result < 0 ? result : -EPROTO);
  pid_t child = fork();
  if (child < 0) return;
  if (child == 0) {
    close(release[1]);
    run_traced(board, release[0]);
  }
  TRY(board, CLINUX_STEP_SEIZE, clinux_ptrace(PTRACE_SEIZE, child, 0, options));
  bool seized = steps[CLINUX_STEP_SEIZE] == 0;
  if (seized) {
    TRY(board, CLINUX_STEP_INTERRUPT, clinux_ptrace(PTRACE_INTERRUPT, child, 0, 0));
    result = run_to(board, child, SIGTRAP | PTRACE_EVENT_STOP << 8);
    if (result != 0) steps[CLINUX_STEP_INTERRUPT] = answer(result);
    TRY(board, CLINUX_STEP_SYSCALL_INFO, expect_info(child, PTRACE_SYSCALL_INFO_NONE));
    TRY(board, CLINUX_STEP_PEEK, expect_peek(child));
  }
  TRY(board, CLINUX_STEP_READ_MEMORY, expect_memory(child));
  TRY(board, CLINUX_STEP_SAME_FILE, expect_same_file(child, release[0]));
  long pidfd = -1;
  TRY(board, CLINUX_STEP_PIDFD_OPEN, pidfd = or_errno(syscall(SYS_pidfd_open, child, 0)));
  if (pidfd >= 0) TRY(board, CLINUX_STEP_PIDFD_GETFD, or_errno(syscall(SYS_pidfd_getfd, pidfd, release[0], 0)));
  // The filter and its stops last: the child may not outlive them.
  if (write(release[1], "", 1) != 1) _exit(1);
  if (seized) {
    steps[CLINUX_STEP_FILTER_STOP] = TRYING;
    clinux_ptrace(PTRACE_CONT, child, 0, 0);
    result = run_to(board, child, SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
    if (result == 0) result = expect_info(child, PTRACE_SYSCALL_INFO_SECCOMP);
    if (result == 0) result = clinux_ptrace(PTRACE_SYSCALL, child, 0, 0);
    if (result == 0) result = run_to(board, child, SIGTRAP | 0x80);
    if (result == 0) result = expect_info(child, PTRACE_SYSCALL_INFO_EXIT);
    if (steps[CLINUX_STEP_FILTER_STOP] == TRYING) steps[CLINUX_STEP_FILTER_STOP] = answer(result);
  } else {
    run_to(board, child, -1);
  }
  end(child);
}

// MARK: Processes that are not ours to begin with

static void wait_to_be_killed(void) {
  signal(SIGALRM, SIG_DFL);
  alarm(20);
  for (;;) pause();
}

// A process of ours that is no descendant: its parent is gone, and whoever adopts orphans has it. That is what Yama
// asks for in scope 1 (Documentation/admin-guide/LSM/Yama.rst).
static void try_attaching(struct board *board) {
  pid_t parent = fork();
  if (parent < 0) return;
  if (parent == 0) {
    pid_t child = fork();
    if (child == 0) {
      // The program file of faultline may be unreadable, which marks this process but not the one that is meant.
      prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
      wait_to_be_killed();
    }
    if (child > 0) board->bystander = child;
    _exit(0);
  }
  int status;
  while (waitpid(parent, &status, 0) < 0 && errno == EINTR) {}
  if (board->bystander == 0) return;
  TRY(board, CLINUX_STEP_ATTACH, clinux_ptrace(PTRACE_SEIZE, board->bystander, 0, 0));
}

// A child that has become another user; who may not become one asks about a stranger that is there already. Reading
// at an address that nobody maps passes the check that attaching passes and then fails with EFAULT
// (mm/process_vm_access.c asks for PTRACE_MODE_ATTACH_REALCREDS), so that the stranger is not disturbed.
static void try_others(struct board *board, const pid_t *strangers, size_t count) {
  int ready[2];
  if (pipe(ready) != 0) return;
  pid_t child = fork();
  if (child > 0) board->bystander = child;
  if (child == 0) {
    close(ready[0]);
    // The overflow user, "nobody"; its neighbour if that is who we are.
    uid_t other = getuid() == 65534 ? 65533 : 65534;
    if (syscall(SYS_setresuid, other, other, other) != 0) _exit(1);
    if (write(ready[1], "", 1) != 1) _exit(1);
    wait_to_be_killed();
  }
  close(ready[1]);
  char became;
  if (child > 0 && read(ready[0], &became, 1) == 1) {
    TRY(board, CLINUX_STEP_OTHERS, clinux_ptrace(PTRACE_SEIZE, child, 0, 0));
    return;
  }
  if (child > 0) end(child);
  board->bystander = 0;
  // A read that is refused of our own child says nothing about strangers.
  if (board->steps[CLINUX_STEP_READ_MEMORY] != 0) return;
  for (size_t i = 0; i < count; i++) {
    char byte;
    board->steps[CLINUX_STEP_OTHERS] = TRYING;
    ssize_t got = clinux_read_memory(strangers[i], 8, &byte, 1);
    // Kernel threads have no memory, and processes end.
    board->steps[CLINUX_STEP_OTHERS] = got == -ESRCH ? CLINUX_STEP_UNTRIED : got == -EFAULT ? 0 : answer(got);
    if (got != -ESRCH) break;
  }
}

static void try_ring(struct board *board) {
  // struct io_uring_params is 120 bytes (linux/io_uring.h).
  uint32_t parameters[30] = {0};
  TRY(board, CLINUX_STEP_RING, or_errno(syscall(SYS_io_uring_setup, 1, parameters)));
}

// MARK: Trying in a process apart

static pid_t start(void) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  // A sandbox that kills is no reason for a core file.
  struct rlimit nothing = {0, 0};
  setrlimit(RLIMIT_CORE, &nothing);
  return 0;
}

// Waits for a prober, not for ever: a sandbox may emulate ptrace badly.
static void finish(struct board *board, pid_t pid) {
  const struct timespec pause = {0, 1000000};
  int status = 0;
  for (int tries = 0; tries < 10000; tries++) {
    if (waitpid(pid, &status, WNOHANG) != 0) {
      if (WIFSIGNALED(status)) blame(board, WTERMSIG(status));
      return;
    }
    nanosleep(&pause, NULL);
  }
  end(pid);
  blame(board, SIGKILL);
}

int clinux_probe(uintptr_t options, const pid_t *strangers, size_t count, int32_t *steps) {
  struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (board == MAP_FAILED) return -errno;
  for (int i = 0; i < CLINUX_STEPS; i++) board->steps[i] = CLINUX_STEP_UNTRIED;
  // An inherited SIG_IGN would make the kernel reap children unseen.
  struct sigaction standard = {.sa_handler = SIG_DFL};
  struct sigaction before;
  sigaction(SIGCHLD, &standard, &before);
  int failed = 0;
  for (int part = 0; part < 4 && failed == 0; part++) {
    pid_t pid = start();
    if (pid < 0) failed = -errno;
    if (pid > 0) finish(board, pid);
    if (pid > 0 && board->bystander != 0) kill(board->bystander, SIGKILL);
    if (pid != 0) continue;
    board->bystander = 0;
    switch (part) {
      case 0: try_tracing(board, options); break;
      case 1: try_attaching(board); break;
      case 2: try_others(board, strangers, count); break;
      case 3: try_ring(board); break;
    }
    _exit(0);
  }
  sigaction(SIGCHLD, &before, NULL);
  memcpy(steps, board->steps, sizeof board->steps);
  munmap(board, sizeof *board);
  return failed;
}

int clinux_is_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1; }
