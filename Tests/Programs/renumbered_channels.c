// Channels on numbers that nobody made them on: copied by dup, dup2, dup3 and F_DUPFD, beyond 1,000, 1,024 and
// 65,536, on 0, 1 and 2, closed by close_range; and numbers that were a channel's and are a file's, a socket's,
// another channel's or a terminal's later. Whatever lies there reads and writes as it should.
#include "channels.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>

enum { REUSES = 60 };

static bool file_works(int fd) {
  char text[16] = {0};
  return write(fd, "in a file", 9) == 9 && lseek(fd, 0, SEEK_END) == 9 && pread(fd, text, 9, 0) == 9 &&
         memcmp(text, "in a file", 9) == 0 && lseek(fd, 3, SEEK_SET) == 3 && read(fd, text, 16) == 6 &&
         memcmp(text, "a file", 6) == 0 && read(fd, text, 16) == 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0;
}

static void copies(void) {
  int ends[2];
  demand(pipe(ends) == 0);
  int limit = (int)sysconf(_SC_OPEN_MAX);
  static const int numbers[] = {5, 9, 63, 64, 255, 256, 999, 1000, 1001, 1023, 1024, 1025, 4095, 16000, 65535, 65536, 70000};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    int to = numbers[i];
    bool fits = to + 3 < limit;
    int out = i % 3 == 0 ? dup2(ends[0], to) : i % 3 == 1 ? dup3(ends[0], to, O_CLOEXEC) : fcntl(ends[0], F_DUPFD, to);
    int in = i % 2 ? fcntl(ends[1], F_DUPFD_CLOEXEC, to + 1) : dup2(ends[1], to + 1);
    if (!fits) {
      if (out >= 0 || in >= 0) say("%d: beyond the limit and still made\n", to);
      continue;
    }
    // What came along from who started the program may lie there.
    bool right = out == to && (i % 2 ? in > to && in < to + 50 : in == to + 1);
    for (unsigned k = 0; k < 5 && right; k++) right = carries(in, out, k) && carries(in, ends[0], k) && carries(ends[1], out, k);
    char byte = 'v', got = 0;
    struct iovec part = {&byte, 1}, back = {&got, 1};
    right = right && writev(in, &part, 1) == 1 && poll(&(struct pollfd){out, POLLIN, 0}, 1, 1000) == 1 &&
            readv(out, &back, 1) == 1 && got == byte;
    right = right && close(out) == 0 && close(in) == 0 && fcntl(out, F_GETFD) == -1;
    if (!right) say("%d: wrong\n", to);
  }
  say("copies: %d\n", carries(ends[1], ends[0], 3));
}

static void standard(void) {
  // The real output is kept elsewhere, where `say` does not look: told at the end.
  int told = dup(1), ends[2], right = 0;
  demand(pipe(ends) == 0);
  int kept[3] = {dup(0), dup(1), dup(2)};
  for (int round = 0; round < 10; round++) {
    int counter = eventfd(0, 0);
    demand(dup2(ends[0], 0) == 0 && dup2(ends[1], 1) == 1 && dup2(counter, 2) == 2);
    right += carries(1, 0, (unsigned)round) && counts(2, 5);
    pid_t child = fork();
    if (child == 0) {
      alarm(30);
      execl("/bin/sh", "sh", "-c", "echo said; echo complained >/dev/null", (char *)NULL);
    }
    char text[8] = {0};
    right += read(0, text, 5) == 5 && memcmp(text, "said\n", 5) == 0;
    int status;
    demand(waitpid(child, &status, 0) == child);
    right += status == 0;
    for (int i = 0; i < 3; i++) demand(dup2(kept[i], i) == i);
    close(counter);
  }
  dprintf(told, "standard descriptors: %d\n", right);
  // Nothing is open, so that a pipe comes on 0 and 1.
  close(0);
  close(1);
  int low[2];
  bool made = pipe(low) == 0 && low[0] == 0 && low[1] == 1 && carries(1, 0, 8);
  close(2);
  int counter = eventfd(0, 0);
  made = made && counter == 2 && counts(2, 9);
  dprintf(told, "made there: %d\n", made);
}

static void reuse(void) {
  int right = 0;
  for (int i = 0; i < REUSES; i++) {
    int ends[2], pair[2];
    demand(pipe(ends) == 0);
    right += carries(ends[1], ends[0], (unsigned)i);
    int first = ends[0], second = ends[1];
    close(first);
    close(second);
    switch (i % 6) {
      case 0: {
        int file = memfd_create("file", 0);
        demand(file == first);
        right += file_works(file);
        close(file);
        break;
      }
      case 1: {
        demand(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pair[0] == first && pair[1] == second);
        right += carries(first, second, 4) && carries(second, first, 5);
        close(first);
        char byte;
        right += read(second, &byte, 1) == 0;
        close(second);
        break;
      }
      case 2: {
        int file = memfd_create("file", 0);
        demand(file == first && dup2(file, second) == second && close(file) == 0);
        right += file_works(second);
        close(second);
        break;
      }
      case 3: {
        int null = open("/dev/zero", O_RDWR);
        char bytes[8] = "xxxxxxx";
        right += null == first && read(null, bytes, 8) == 8 && bytes[0] == 0 && write(null, bytes, 8) == 8;
        close(null);
        break;
      }
      case 4: {
        // Another channel, the ends the other way round.
        demand(pipe(ends) == 0);
        int spare = dup(ends[0]);
        demand(dup2(ends[1], ends[0]) == ends[0] && dup2(spare, ends[1]) == ends[1]);
        close(spare);
        right += carries(ends[0], ends[1], 7);
        char byte;
        right += read(ends[0], &byte, 1) < 0 && errno == EBADF;
        close(ends[0]);
        close(ends[1]);
        break;
      }
      case 5: {
        int counter = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
        uint64_t value = 2, got = 0;
        right += write(counter, &value, 8) == 8 && read(counter, &got, 8) == 8 && got == 1 && read(counter, &got, 8) == 8;
        right += read(counter, &got, 8) < 0 && errno == EAGAIN;
        close(counter);
        break;
      }
    }
  }
  say("reuses: %d\n", right);
}

static void ranges(void) {
  int ends[10][2];
  for (int round = 0; round < 6; round++) {
    for (int i = 0; i < 10; i++) demand(pipe(ends[i]) == 0);
    for (int i = 0; i < 10; i++)
      if (!carries(ends[i][1], ends[i][0], (unsigned)i)) say("wrong\n");
    if (round == 3) {
      demand(close_range((unsigned)ends[2][0], ~0U, CLOSE_RANGE_CLOEXEC) == 0);
      if (!carries(ends[5][1], ends[5][0], 3) || fcntl(ends[5][0], F_GETFD) != FD_CLOEXEC) say("wrong\n");
    }
    demand(close_range((unsigned)ends[2][0], (unsigned)ends[7][1], round & 1 ? CLOSE_RANGE_UNSHARE : 0) == 0);
    int open = 0;
    for (int i = 0; i < 10; i++) open += fcntl(ends[i][0], F_GETFD) >= 0;
    bool rest = carries(ends[8][1], ends[8][0], 1) && carries(ends[0][1], ends[0][0], 1);
    say("close_range: open %d, the others carry %d\n", open, rest);
    demand(close_range((unsigned)ends[0][0], ~0U, 0) == 0);
  }
}

// A descriptor table of a thread's own, in which the same numbers mean other things.
static atomic_int stage;
static void *apart(void *argument) {
  int *ends = argument;
  demand(unshare(CLONE_FILES) == 0);
  close(ends[0]);
  close(ends[1]);
  int file = memfd_create("file", 0);
  bool right = file == ends[0];
  atomic_store(&stage, 1);
  for (int i = 0; i < 20; i++) right = right && file_works(file);
  until(&stage, 2);
  return (void *)(uintptr_t)right;
}

static void tables(void) {
  int ends[2];
  demand(pipe(ends) == 0);
  pthread_t thread = start(apart, ends);
  until(&stage, 1);
  bool right = true;
  for (unsigned i = 0; i < 20; i++) right = right && carries(ends[1], ends[0], i);
  atomic_store(&stage, 2);
  void *other;
  pthread_join(thread, &other);
  say("tables apart: %d %d\n", right, other != NULL);
}

// The numbers' high halves are no part of a descriptor (the kernel takes an unsigned int).
static void high_halves(void) {
  int ends[2];
  demand(pipe(ends) == 0);
  long high = 0x7777777700000000;
  char byte = 'h', got = 0;
  long wrote = raw(SYS_write, ends[1] | high, (long)&byte, 1, 0, 0, 0);
  long read_ = raw(SYS_read, ends[0] | high, (long)&got, 1, 0, 0, 0);
  long copied = raw(SYS_dup, ends[0] | high, 0, 0, 0, 0, 0);
  long closed = raw(SYS_close, ends[1] | high, 0, 0, 0, 0, 0);
  say("high halves: %ld %ld %d %d %ld, end %zd\n", wrote, read_, got == byte, copied >= 0, closed, read((int)copied, &got, 1));
}

int main(void) {
  alarm(60);
  struct rlimit limit;
  demand(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  // As far as root may: the tests' own limit may be below.
  struct rlimit wide = {80000, limit.rlim_max > 80000 ? limit.rlim_max : 80000};
  if (setrlimit(RLIMIT_NOFILE, &wide) != 0) {
    limit.rlim_cur = limit.rlim_max;
    demand(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  in_child("copies", copies);
  in_child("standard", standard);
  in_child("reuse", reuse);
  in_child("ranges", ranges);
  in_child("tables", tables);
  in_child("high halves", high_halves);
  return 0;
}
