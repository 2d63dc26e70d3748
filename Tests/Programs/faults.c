// Signals of the processor carry code and address: SIGSEGV of the stack's end on an alternate stack, of a
// page without rights, SIGBUS beyond a file's end, SIGFPE, SIGILL; SIGPIPE comes with EPIPE; deadly ones end
// with their number and core bit.
#include "program.h"

#include <setjmp.h>
#include <sys/resource.h>

static sigjmp_buf back;
static void *expected;
static char other[65536];

static void faulted(int number, siginfo_t *info, void *context) {
  (void)context;
  int is_other = (char *)&number >= other && (char *)&number < other + sizeof other;
  say("%s code %d, address %s, on the alternate stack %d\n", signal_name(number), info->si_code,
      info->si_addr == expected ? "as expected" : "other", is_other);
  siglongjmp(back, 1);
}

static int deeper(int depth) {
  volatile char room[4096];
  room[0] = depth;
  return depth > 100000000 ? 0 : deeper(depth + 1) + room[0];
}

int main(void) {
  alarm(60);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, RLIM_INFINITY});
  sigaltstack(&(stack_t){.ss_sp = other, .ss_size = sizeof other}, NULL);
  struct sigaction action = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  for (int i = 0; i < 4; i++) sigaction(signals[i], &action, NULL);
  for (volatile int round = 0; round < 2; round++) {
    if (sigsetjmp(back, 1) == 0) say("%d", deeper(0));
  }
  static char *page, *mapped;
  page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expected = page + 5;
  if (sigsetjmp(back, 1) == 0) page[5] = 1;
  expected = (void *)16;
  if (sigsetjmp(back, 1) == 0) *(volatile char *)16 = 1;
  expected = NULL;
  if (sigsetjmp(back, 1) == 0) *(volatile char *)0x800000000000 = 1;
  mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd_create("empty", 0), 0);
  expected = mapped + 1;
  if (sigsetjmp(back, 1) == 0) (void)*(volatile char *)(mapped + 1);
  volatile int zero = 0;
  expected = NULL;
  if (sigsetjmp(back, 1) == 0) say("%d", 1 / zero);
  if (sigsetjmp(back, 1) == 0) __asm__ volatile("ud2");
  int ends[2];
  demand(pipe(ends) == 0 && close(ends[0]) == 0);
  signal(SIGPIPE, SIG_IGN);
  tell("write without reader", write(ends[1], "x", 1));
  const int deadly[] = {SIGPIPE, SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGABRT, SIGXCPU, SIGSYS, SIGVTALRM, SIGUSR2, SIGIO};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
    pid_t child = fork();
    if (child == 0) {
      for (size_t j = 0; j < sizeof deadly / sizeof *deadly; j++) signal(deadly[j], SIG_DFL);
      switch (deadly[i]) {
        case SIGPIPE: (void)!write(ends[1], "x", 1); break;
        case SIGSEGV: *(volatile char *)16 = 1; break;
        case SIGFPE: say("%d", 1 / zero); break;
        case SIGILL: __asm__ volatile("ud2"); break;
        case SIGBUS: (void)*(volatile char *)mapped; break;
        case SIGABRT: abort();
        case SIGXCPU:
          setrlimit(RLIMIT_CPU, &(struct rlimit){0, 60});
          for (;;) getppid();
        default: raise(deadly[i]);
      }
      _exit(1);
    }
    tell_child("child", child, 0);
  }
  return 0;
}
