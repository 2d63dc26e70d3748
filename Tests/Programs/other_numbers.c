// 32-bit calls by int 0x80 carry other numbers than 64-bit ones: 5 is open and 42 is pipe. x32 calls and
// numbers that are none return ENOSYS. A trap-less look at the wrong table would record nonsense.
#include "program.h"

static long call32(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c)
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
}

int main(void) {
  alarm(60);
  // 32-bit code sees the low 4 GiB only.
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  char *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
  demand(low != MAP_FAILED);
  int *ends = (int *)low;
  say("32-bit getpid: is ours %d\n", call32(20, 0, 0, 0) == getpid());
  say("32-bit pipe: %ld", call32(42, (long)ends, 0, 0));
  say(" %d %d\n", ends[0], ends[1]);
  memcpy(low + 64, "32 bit\n", 7);
  say("32-bit write: %ld\n", call32(4, ends[1], (long)low + 64, 7));
  say("32-bit read: %ld\n", call32(3, ends[0], (long)low + 128, 7));
  say("32-bit dup2: %ld\n", call32(63, ends[0], 77, 0));
  say("32-bit close: %ld\n", call32(6, 77, 0, 0));
  say("32-bit bad pointer: %ld\n", call32(4, ends[1], 4, 7));
  say("32-bit nothing: %ld\n", call32(9999, 0, 0, 0));
  pid_t child = call32(2, 0, 0, 0);
  if (child == 0) {
    say("32-bit fork's child\n");
    call32(1, 9, 0, 0);
  }
  tell_child("32-bit fork", child, 0);
  child = call32(190, 0, 0, 0);
  if (child == 0) _exit(8);
  tell_child("32-bit vfork", child, 0);
  child = fork();
  if (child == 0) {
    strcpy(low + 256, "/bin/true");
    int *words = (int *)(low + 512);
    words[0] = 0x10000000 + 256;
    words[1] = 0;
    say("32-bit execve: %ld\n", call32(11, (long)low + 256, (long)words, (long)(words + 1)));
    _exit(7);
  }
  tell_child("32-bit exec", child, 0);
  for (long number = 0; number < 3; number++) tell("x32", syscall(0x40000000 + number * 300, 0, 0, 0));
  tell("x32 execve", syscall(0x40000000 + 520, "/bin/true", NULL, NULL));
  tell("number 10000", syscall(10000));
  tell("number -1", syscall(-1));
  tell("number -514", syscall(-514));
  tell("restart_syscall", syscall(SYS_restart_syscall));
  return 0;
}
