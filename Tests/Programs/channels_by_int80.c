// A 64-bit process makes channels by 32-bit calls (int 0x80: other numbers, another length of instruction, cut
// registers), uses them by 64-bit ones and the other way round, in threads, amid signals and beside 64-bit calls;
// registers keep what they held.
#include "channels.h"

enum { ROUNDS = 40, THREADS = 3, PIPE32 = 42, WRITE32 = 4, READ32 = 3, CLOSE32 = 6, DUP32 = 41, DUP2_32 = 63,
       EVENTFD2_32 = 328, PIPE2_32 = 331, SOCKETPAIR32 = 360, GETPID32 = 20 };

// The high registers are kept by Linux since 4.17; what it hands in and out otherwise is 32 bits wide.
static long call32(long number, long a, long b, long c, long d, const char **wrong) {
  uint64_t seen[6];
  long result;
  __asm__ volatile(
      "mov $0x1111222233334444, %%r12\n mov $0x5555666677778888, %%r13\n mov $0x99990000AAAABBBB, %%r14\n"
      "mov $0xCCCCDDDDEEEEFFFF, %%r15\n"
      "int $0x80\n"
      "mov %%r12, 0(%[seen])\n mov %%r13, 8(%[seen])\n mov %%r14, 16(%[seen])\n mov %%r15, 24(%[seen])\n"
      : "=a"(result)
      : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), [seen] "D"(seen)
      : "memory", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
  if (seen[0] != 0x1111222233334444 || seen[1] != 0x5555666677778888 || seen[2] != 0x99990000AAAABBBB ||
      seen[3] != 0xCCCCDDDDEEEEFFFF)
    *wrong = "registers";
  return (int)result;
}

// 32-bit calls see the low 4 GiB only.
static void *low_memory(void) {
  static atomic_long place = 0x20000000;
  char *low = mmap((void *)atomic_fetch_add(&place, 4096), 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  demand(low != MAP_FAILED);
  return low;
}

static void *rounds(void *unused) {
  (void)unused;
  char *low = low_memory();
  int *ends = (int *)low;
  char *text = low + 64, *back = low + 128;
  const char *wrong = NULL;
#define NEED(what, condition) \
  if (!wrong && !(condition)) wrong = what
  for (unsigned i = 0; i < ROUNDS && !wrong; i++) {
    NEED("pipe", call32(i & 1 ? PIPE32 : PIPE2_32, (long)ends, i & 2 ? O_CLOEXEC : 0, 0, 0, &wrong) == 0);
    NEED("64-bit use", carries(ends[1], ends[0], i));
    memset(text, (int)i + 'a', 20);
    NEED("32-bit write", call32(WRITE32, ends[1], (long)text, 20, 0, &wrong) == 20);
    NEED("64-bit read", read(ends[0], back, 20) == 20 && memcmp(text, back, 20) == 0);
    NEED("64-bit write", write(ends[1], text, 20) == 20);
    NEED("32-bit read", call32(READ32, ends[0], (long)back, 20, 0, &wrong) == 20 && memcmp(text, back, 20) == 0);
    long copy = call32(DUP32, ends[0], 0, 0, 0, &wrong);
    NEED("32-bit dup", copy >= 0 && carries(ends[1], (int)copy, i));
    int number = 300 + (int)(gettid() % 100);
    NEED("32-bit dup2", call32(DUP2_32, ends[1], number, 0, 0, &wrong) == number);
    NEED("64-bit use of the copy", carries(number, ends[0], i));
    NEED("32-bit close", call32(CLOSE32, number, 0, 0, 0, &wrong) == 0);
    NEED("32-bit close", call32(CLOSE32, ends[1], 0, 0, 0, &wrong) == 0);
    NEED("the end", call32(READ32, copy, (long)back, 20, 0, &wrong) == 0 && read(ends[0], back, 20) == 0);
    NEED("64-bit close", close((int)copy) == 0 && close(ends[0]) == 0);
    long counter = call32(EVENTFD2_32, 3, O_CLOEXEC, 0, 0, &wrong);
    uint64_t got = 0;
    NEED("32-bit eventfd", counter >= 0 && read((int)counter, &got, 8) == 8 && got == 3 && counts((int)counter, 7));
    NEED("64-bit close", close((int)counter) == 0);
    NEED("32-bit socketpair", call32(SOCKETPAIR32, AF_UNIX, SOCK_STREAM, 0, (long)ends, &wrong) == 0);
    NEED("64-bit use of sockets", carries(ends[0], ends[1], i));
    NEED("32-bit close", call32(CLOSE32, ends[0], 0, 0, 0, &wrong) == 0 && call32(CLOSE32, ends[1], 0, 0, 0, &wrong) == 0);
    NEED("32-bit bad pointer", call32(PIPE32, 8, 0, 0, 0, &wrong) == -EFAULT);
    NEED("getpid", call32(GETPID32, 0, 0, 0, 0, &wrong) == getpid());
    const char *beside = channels_work(i);
    NEED(beside, !beside);
  }
  return (void *)wrong;
}

static atomic_int fired;
static void fire(int number) {
  (void)number;
  atomic_fetch_add(&fired, 1);
}

static void told(const char *who, const void *wrong) {
  say("%s: %s\n", who, wrong ? (const char *)wrong : "right");
}

int main(void) {
  alarm(60);
  // Its numbers are the thread's own: two that use the same would take them from each other.
  told("alone", rounds(NULL));
  struct sigaction action = {.sa_handler = fire, .sa_flags = SA_RESTART};
  sigaction(SIGRTMIN, &action, NULL);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  demand(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  demand(timer_settime(timer, 0, &(struct itimerspec){{0, 1000000}, {0, 1000000}}, NULL) == 0);
  told("amid signals", rounds(NULL));
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start(rounds, NULL);
  for (int i = 0; i < THREADS; i++) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    told("in a thread", wrong);
  }
  timer_delete(timer);
  tell_channels("in the end");
  return 0;
}
