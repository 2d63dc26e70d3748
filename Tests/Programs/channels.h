// What the programs share that make channels where a careless tracer would harm them: bytes that go through and are
// checked, calls without libc in between, filters of a program's own.
#ifndef CHANNELS_H
#define CHANNELS_H

#include "program.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

// The kernel's own answer: a negative error number, not errno.
static inline long raw(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

// Bytes through a channel, and the same ones out again.
static inline bool carries(int in, int out, unsigned seed) {
  char sent[24], got[sizeof sent];
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (char)(seed * 31 + i * 7);
  return write(in, sent, sizeof sent) == sizeof sent && read(out, got, sizeof got) == sizeof got &&
         memcmp(sent, got, sizeof got) == 0;
}

// A count through an eventfd, and the same one out again.
static inline bool counts(int fd, uint64_t count) {
  uint64_t got = 0;
  return write(fd, &count, sizeof count) == sizeof count && read(fd, &got, sizeof got) == sizeof got && got == count;
}

// A pipe and an eventfd are made, used and closed. Says what was wrong, or nothing.
static inline const char *channels_work(unsigned seed) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "pipe2";
  int counter = eventfd(0, EFD_CLOEXEC);
  if (counter < 0) return "eventfd";
  if (!carries(ends[1], ends[0], seed)) return "the pipe's bytes";
  if (!counts(counter, seed + 1)) return "the eventfd's count";
  char byte;
  if (close(ends[1]) != 0 || read(ends[0], &byte, 1) != 0) return "the pipe's end";
  if (close(ends[0]) != 0 || close(counter) != 0) return "close";
  return NULL;
}

// The same with a forked child on the other side.
static inline const char *channels_work_across_fork(unsigned seed) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) return "pipe";
  pid_t child = fork();
  if (child < 0) return "fork";
  if (child == 0) {
    char text[24];
    close(there[1]);
    close(back[0]);
    ssize_t got = read(there[0], text, sizeof text);
    bool right = got == sizeof text && write(back[1], text, sizeof text) == sizeof text;
    _exit(right && !channels_work(seed + 5) ? 0 : 1);
  }
  close(there[0]);
  close(back[1]);
  bool right = carries(there[1], back[0], seed);
  close(there[1]);
  close(back[0]);
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return "waitpid";
  return !right ? "bytes across fork" : status != 0 ? "the child" : NULL;
}

static inline void tell_channels(const char *when) {
  const char *wrong = channels_work(3);
  if (!wrong) wrong = channels_work_across_fork(4);
  if (wrong) say("%s: channels: %s: %s\n", when, wrong, strerrorname_np(errno));
  else say("%s: channels work\n", when);
}

// `action` for one call, ALLOW for all others. Returns what seccomp(2) does.
static inline long install_filter(int number, unsigned action, unsigned flags) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static inline pthread_t start(void *(*body)(void *), void *argument) {
  pthread_t thread;
  demand(pthread_create(&thread, NULL, body, argument) == 0);
  return thread;
}

// One scenario in a process of its own, with a deadline and its end told.
static inline void in_child(const char *name, void (*body)(void)) {
  pid_t child = fork();
  demand(child >= 0);
  if (child == 0) {
    alarm(40);
    body();
    _exit(0);
  }
  tell_child(name, child, 0);
}

#endif
