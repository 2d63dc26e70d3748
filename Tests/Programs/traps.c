// SIGTRAP that the program makes itself (int3, raise, the trap flag, a hardware-like single step through
// calls) is the program's: with a handler, ignored, blocked or deadly.
#include "program.h"

#include <ucontext.h>

static volatile int traps, codes[8];
static volatile int stepping;

static void trapped(int number, siginfo_t *info, void *context) {
  (void)number;
  ucontext_t *machine = context;
  if (info->si_code >= 0 && info->si_code < 8) codes[info->si_code]++;
  else if (info->si_code == SI_TKILL) codes[7]++;
  else if (info->si_code == SI_KERNEL) codes[6]++;
  traps++;
  if (!stepping) machine->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

static void tell_traps(const char *what) {
  say("%s: %d traps, breakpoints %d, steps %d, kernel %d, tkill %d\n", what, traps, codes[1], codes[2], codes[6],
      codes[7]);
  traps = 0;
  for (int i = 0; i < 8; i++) codes[i] = 0;
}

int main(void) {
  alarm(60);
  struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, NULL);
  for (int i = 0; i < 20; i++) __asm__ volatile("int3");
  tell_traps("int3");
  for (int i = 0; i < 20; i++) raise(SIGTRAP);
  tell_traps("raise");
  for (int i = 0; i < 20; i++) __asm__ volatile(".byte 0xCD, 0x03");
  tell_traps("int 3");
  // Ten instructions, one trap after each, and then calls under the trap flag.
  stepping = 1;
  __asm__ volatile(
      "pushfq; orq $0x100, (%%rsp); popfq; nop; nop; nop; nop; nop; pushfq; andq $~0x100, (%%rsp); popfq" ::
          : "memory", "cc");
  stepping = 0;
  tell_traps("trap flag");
  stepping = 1;
  long result;
  __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; syscall; nop; mov $39, %%eax; syscall;"
                   "pushfq; andq $~0x100, (%%rsp); popfq"
                   : "=a"(result)
                   : "a"(SYS_dup), "D"(-1)
                   : "rcx", "r11", "memory", "cc");
  stepping = 0;
  say("getpid under the trap flag is right: %d\n", result == getpid());
  tell_traps("trap flag and calls");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTRAP);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGTRAP);
  siginfo_t info;
  int taken = sigwaitinfo(&set, &info);
  say("sigwaitinfo: %s code %d\n", signal_name(taken), info.si_code);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  for (int way = 0; way < 5; way++) {
    pid_t child = fork();
    if (child == 0) {
      signal(SIGTRAP, way == 1 || way == 3 ? SIG_IGN : SIG_DFL);
      if (way == 4) sigprocmask(SIG_BLOCK, &set, NULL);
      if (way == 0 || way == 1) raise(SIGTRAP);
      else __asm__ volatile("int3");
      _exit(way);
    }
    char who[16];
    snprintf(who, sizeof who, "way %d", way);
    tell_child(who, child, 0);
  }
  pid_t child = fork();
  if (child == 0) {
    // A trap flag that is on across exec is not taken along.
    signal(SIGTRAP, SIG_IGN);
    execl("/bin/sh", "sh", "-c", "kill -TRAP $$; echo still here", (char *)NULL);
  }
  tell_child("ignored across exec", child, 0);
  return 0;
}
