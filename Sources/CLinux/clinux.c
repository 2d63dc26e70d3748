#define _GNU_SOURCE
#include "clinux.h"
#include "surroundings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <setjmp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// glibc's <sys/ptrace.h> and <linux/ptrace.h> cannot both be included; the system call itself is simple.
long clinux_ptrace(long request, pid_t pid, uintptr_t address, uintptr_t data) {
  long result = syscall(SYS_ptrace, request, (long)pid, address, data);
  return result == -1 ? -errno : result;
}

static __thread sigjmp_buf out_of_seize;

static void leave_seize(int number) {
  (void)number;
  siglongjmp(out_of_seize, 1);
}

// The kernel restarts PTRACE_SEIZE after a signal handler (-ERESTARTNOINTR; Linux 6.1, kernel/ptrace.c, ptrace_attach), so the
// handler does not return.
long clinux_seize(pid_t tid, uintptr_t options, int milliseconds) {
  volatile long result = -EAGAIN;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
  event._sigev_un._tid = gettid();
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return clinux_ptrace(PTRACE_SEIZE, tid, 0, options);
  struct sigaction action = {.sa_handler = leave_seize}, old;
  sigaction(SIGALRM, &action, &old);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGALRM);
  if (sigsetjmp(out_of_seize, 1) == 0) {
    struct itimerspec time = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000}};
    timer_settime(timer, 0, &time, NULL);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    result = clinux_ptrace(PTRACE_SEIZE, tid, 0, options);
    pthread_sigmask(SIG_BLOCK, &only, NULL);
  }
  timer_delete(timer);
  sigaction(SIGALRM, &old, NULL);
  return result;
}

long clinux_syscall_info(pid_t tid, struct clinux_syscall_info *out) {
  struct ptrace_syscall_info info;
  memset(&info, 0, sizeof info);
  long result = clinux_ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, (uintptr_t)&info);
  if (result < 0) return result;
  memset(out, 0, sizeof *out);
  out->op = info.op;
  out->arch = info.arch;
  out->instruction_pointer = info.instruction_pointer;
  out->stack_pointer = info.stack_pointer;
  switch (info.op) {
    case PTRACE_SYSCALL_INFO_ENTRY:
      out->number = info.entry.nr;
      memcpy(out->arguments, info.entry.args, sizeof out->arguments);
      break;
    case PTRACE_SYSCALL_INFO_SECCOMP:
      out->number = info.seccomp.nr;
      memcpy(out->arguments, info.seccomp.args, sizeof out->arguments);
      break;
    case PTRACE_SYSCALL_INFO_EXIT:
      out->result = info.exit.rval;
      break;
    default:
      break;
  }
  return 0;
}

long clinux_signal_info(pid_t tid, int32_t *number, int32_t *code, int32_t *sender) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  long result = clinux_ptrace(PTRACE_GETSIGINFO, tid, 0, (uintptr_t)&info);
  if (result < 0) return result;
  *number = info.si_signo;
  *code = info.si_code;
  *sender = info.si_code <= 0 || info.si_signo == SIGCHLD ? info.si_pid : 0;
  return 0;
}

ssize_t clinux_read_memory(pid_t tid, uint64_t address, void *into, size_t count) {
  struct iovec local = {into, count};
  struct iovec remote = {(void *)address, count};
  ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);
  return got < 0 ? -errno : got;
}

int clinux_read_words(pid_t tid, const uint64_t *addresses, uint64_t *values, size_t count) {
  enum { MOST = 256 };
  struct iovec remote[MOST];
  for (size_t done = 0; done < count;) {
    size_t part = count - done < MOST ? count - done : MOST;
    for (size_t i = 0; i < part; i++) remote[i] = (struct iovec){(void *)addresses[done + i], sizeof *values};
    struct iovec local = {values + done, part * sizeof *values};
    ssize_t got = process_vm_readv(tid, &local, 1, remote, part, 0);
    if (got != (ssize_t)local.iov_len) return got < 0 ? -errno : -EFAULT;
    done += part;
  }
  return 0;
}

ssize_t clinux_write_memory(pid_t tid, uint64_t address, const void *from, size_t count) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/mem", tid);
  int memory = open(path, O_RDWR | O_CLOEXEC);
  if (memory < 0) return -errno;
  ssize_t written = pwrite(memory, from, count, (off_t)address);
  int failed = errno;
  close(memory);
  return written < 0 ? -failed : written;
}

int clinux_pages_present(pid_t tid, uint64_t address, size_t count) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/pagemap", tid);
  int map = open(path, O_RDONLY | O_CLOEXEC);
  if (map < 0) return -errno;
  int present = 1;
  for (uint64_t page = address / 4096; present == 1 && page <= (address + count - 1) / 4096; page++) {
    uint64_t entry;
    if (pread(map, &entry, sizeof entry, page * sizeof entry) != sizeof entry || entry >> 62 == 0) present = 0;
  }
  close(map);
  return present;
}

int clinux_same_file(pid_t first, int first_fd, pid_t second, int second_fd) {
  long result = syscall(SYS_kcmp, first, second, KCMP_FILE, first_fd, second_fd);
  return result < 0 ? -errno : result == 0;
}

int clinux_look(const char *path, struct clinux_file *file) {
  struct statx found;
  if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, &found) != 0) return -errno;
  *file = (struct clinux_file){found.stx_mode, found.stx_rdev_major, found.stx_rdev_minor, found.stx_uid,
                               found.stx_gid, found.stx_ino, found.stx_mnt_id};
  return 0;
}

int clinux_has_capabilities(const char *path) { return getxattr(path, "security.capability", NULL, 0) > 0; }

int clinux_same_table(pid_t first, pid_t second) {
  long result = syscall(SYS_kcmp, first, second, KCMP_FILES, 0, 0);
  return result < 0 ? -errno : result == 0;
}

static bool is_channel(int folder, const char *name) {
  char target[24];
  ssize_t length = readlinkat(folder, name, target, sizeof target);
  if (length < 8) return false;
  if (memcmp(target, "socket:[", 8) == 0 || memcmp(target, "pipe:[", 6) == 0) return true;
  if (length >= 20 && memcmp(target, "anon_inode:[eventfd]", 20) == 0) return true;
  struct statx status;
  return target[0] == '/' && statx(folder, name, AT_STATX_DONT_SYNC, STATX_TYPE, &status) == 0 &&
         S_ISFIFO(status.stx_mode);
}

int clinux_channels(pid_t pid, int32_t *numbers, int most) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *folder = opendir(path);
  if (folder == NULL) return -errno;
  int count = 0, seen = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    if (++seen > most) {
      count = 0;
      break;
    }
    if (is_channel(dirfd(folder), entry->d_name)) numbers[count++] = atoi(entry->d_name);
  }
  closedir(folder);
  return count;
}

int clinux_compare_files(pid_t first, int first_fd, pid_t second, int second_fd) {
  long result = syscall(SYS_kcmp, first, second, KCMP_FILE, first_fd, second_fd);
  return result == 0 ? 0 : result == 1 ? -1 : result == 2 ? 1 : 2;
}

static int release_pipe[2] = {-1, -1};
static int failure_pipe[2] = {-1, -1};

// Out of the way of the numbers that programs know; close-on-exec like every descriptor of the tracer.
static void raise_descriptor(int *fd) {
  int high = fcntl(*fd, F_DUPFD_CLOEXEC, 810);
  if (high < 0) return;
  close(*fd);
  *fd = high;
}

void clinux_return_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 256 * 1024); }

int clinux_hold_latency(void) {
  int file = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  raise_descriptor(&file);
  int32_t none = 0;
  if (write(file, &none, sizeof none) == sizeof none) return file;
  int failed = errno;
  close(file);
  return -failed;
}

int clinux_pin(void) {
  int core = sched_getcpu();
  if (core < 0) return -errno;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  return sched_setaffinity(0, sizeof only, &only) == 0 ? 0 : -errno;
}

static void fail(int stage, int error) {
  struct clinux_failure failure = {stage, error};
  ssize_t ignored = write(failure_pipe[1], &failure, sizeof failure);
  (void)ignored;
  _exit(127);
}

static void run_child(const struct clinux_launch *launch) {
  char go;
  close(release_pipe[1]);
  if (read(release_pipe[0], &go, 1) != 1) _exit(127);
  clinux_give_back();
  struct sock_fprog program = {launch->filter_length, (struct sock_filter *)launch->filter};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0) {
    // Without privilege a filter needs NO_NEW_PRIVS, which also disarms set-user-ID programs.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0)
      fail(1, errno);
  }
  execvp(launch->arguments[0], launch->arguments);
  fail(2, errno);
}

pid_t clinux_launch_start(const struct clinux_launch *launch) {
  if (pipe2(release_pipe, O_CLOEXEC) != 0 || pipe2(failure_pipe, O_CLOEXEC) != 0) return -errno;
  for (int i = 0; i < 2; i++) {
    raise_descriptor(&release_pipe[i]);
    raise_descriptor(&failure_pipe[i]);
  }
  pid_t pid = fork();
  if (pid < 0) return -errno;
  if (pid == 0) run_child(launch);
  close(release_pipe[0]);
  close(failure_pipe[1]);
  fcntl(failure_pipe[0], F_SETFL, O_NONBLOCK);
  return pid;
}

void clinux_release(void) {
  ssize_t ignored = write(release_pipe[1], "", 1);
  (void)ignored;
  close(release_pipe[1]);
}

void clinux_abandon(pid_t pid) {
  close(release_pipe[1]);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

struct clinux_failure clinux_launch_failure(void) {
  struct clinux_failure failure = {0, 0};
  if (read(failure_pipe[0], &failure, sizeof failure) != sizeof failure) failure.stage = 0;
  close(failure_pipe[0]);
  return failure;
}

// Whether the process has SIGCONT waiting, or is no more. In a child of ours after fork: system calls only.
static bool goes_on(const char *status) {
  char text[4096];
  int file = open(status, O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return true;
  text[size] = 0;
  const char *state = strstr(text, "State:\t");
  if (state != NULL && (state[7] == 'Z' || state[7] == 'X')) return true;
  const char *names[] = {"SigPnd:\t", "ShdPnd:\t"};
  for (int i = 0; i < 2; i++) {
    const char *pending = strstr(text, names[i]);
    if (pending != NULL && strtoull(pending + 8, NULL, 16) >> (SIGCONT - 1) & 1) return true;
  }
  return false;
}

void clinux_stop_with(pid_t target, int number) {
  char status[40];
  snprintf(status, sizeof status, "/proc/%d/status", target);
  pid_t self = getpid();
  clinux_hold_signals();
  pid_t watcher = fork();
  if (watcher == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == self && !goes_on(status)) {
      struct timespec pause = {0, 20000000};
      nanosleep(&pause, NULL);
    }
    kill(self, SIGCONT);
    _exit(0);
  }
  clinux_stop_by(number);
  if (watcher < 0) return;
  kill(watcher, SIGKILL);
  while (waitpid(watcher, NULL, 0) < 0 && errno == EINTR) continue;
}
