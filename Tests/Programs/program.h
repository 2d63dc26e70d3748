// What the programs of this folder share: plain words for results, statuses and signals, so that a run's
// output says all that a program can know of itself, without pids or times.
#ifndef PROGRAM_H
#define PROGRAM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Not stdio's buffer, which a fork would copy.
#define say(...) dprintf(1, __VA_ARGS__)

#define demand(condition)                                            \
  do {                                                               \
    if (!(condition)) {                                              \
      say("line %d: %s does not hold: %m\n", __LINE__, #condition);  \
      _exit(99);                                                     \
    }                                                                \
  } while (0)

// What a call returned, with errno's name.
static inline void tell(const char *what, long result) {
  if (result < 0) say("%s: -1 %s\n", what, strerrorname_np(errno));
  else say("%s: %ld\n", what, result);
}

static inline const char *signal_name(int number) {
  static char text[32];
  const char *name = sigabbrev_np(number);
  if (name) return name;
  if (number >= SIGRTMIN && number <= SIGRTMAX) snprintf(text, sizeof text, "RTMIN+%d", number - SIGRTMIN);
  else snprintf(text, sizeof text, "%d", number);
  return text;
}

static inline void tell_status(const char *who, int status) {
  if (WIFEXITED(status)) say("%s: exited %d\n", who, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) say("%s: killed by %s\n", who, signal_name(WTERMSIG(status)));
  else if (WIFSTOPPED(status)) say("%s: stopped by %s\n", who, signal_name(WSTOPSIG(status)));
  else if (WIFCONTINUED(status)) say("%s: continued\n", who);
  else say("%s: status %x\n", who, status);
}

// Waits for the child's next change of state, and tells it.
static inline void tell_child(const char *who, pid_t child, int flags) {
  int status;
  pid_t got;
  while ((got = waitpid(child, &status, flags)) < 0 && errno == EINTR) continue;
  if (got > 0) tell_status(who, status);
  else tell(who, got);
}

// Memory that forked children share.
static inline void *shared(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  demand(memory != MAP_FAILED);
  return memory;
}

static inline int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static inline void nap(void) { nanosleep(&(struct timespec){0, 1000000}, NULL); }

// The state letter of /proc/PID/stat (proc(5)), 0 when there is no such process.
static inline char state_of(pid_t tid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", tid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return 0;
  text[got] = 0;
  char *end = strrchr(text, ')');
  return end ? end[2] : 0;
}

// Waits until the thread sleeps in the kernel: a traced stop is another state.
static inline void until_state(pid_t tid, char state) {
  for (int64_t end = now_ms() + 20000; state_of(tid) != state;) {
    if (now_ms() > end) {
      say("a thread did not come into state %c\n", state);
      _exit(98);
    }
    nap();
  }
}

static inline void until_asleep(pid_t tid) { until_state(tid, 'S'); }

static inline void until(atomic_int *flag, int value) {
  for (int64_t end = now_ms() + 20000; atomic_load(flag) != value;) {
    if (now_ms() > end) {
      say("a flag did not become %d\n", value);
      _exit(97);
    }
    nap();
  }
}

#endif
