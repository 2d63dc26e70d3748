// A system call gives back every register but rax, rcx and r11, the flags, the 128 bytes below the stack pointer, the
// vector and floating-point state and the bases of fs and gs as they were, also of a call that makes a channel,
// fails, or is made by many threads at once.
#include "channels.h"

#include <asm/prctl.h>
#include <cpuid.h>

enum { GENERAL = 13, RED = 16, THREADS = 4, ROUNDS = 40 };

// In this order: rax, rdi, rsi, rdx, r10, r8, r9, rbx, rbp, r12, r13, r14, r15.
struct machine {
  uint64_t general[GENERAL];
  uint64_t flags;
  uint64_t red[RED];
  uint64_t vectors[16][4];
  uint32_t control;
  uint32_t floating;
  uint64_t stack;
};

void run_call(const struct machine *before, struct machine *after, long has_wide) __asm__("run_call");
__asm__(
    ".text\n"
    ".globl run_call\n"
    "run_call:\n"
    " push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    " sub $8, %rsp; stmxcsr (%rsp); fnstcw 4(%rsp)\n"
    " push %rdx; push %rsi\n"
    " mov %rdi, %rax\n"
    " ldmxcsr 752(%rax); fldcw 756(%rax)\n"
    " test %rdx, %rdx; jz 1f\n"
    " .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n vmovdqu 240+32*\\n(%rax), %ymm\\n\n .endr\n jmp 2f\n"
    "1: .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu 240+32*\\n(%rax), %xmm\\n\n .endr\n"
    "2: pushq 104(%rax); popfq\n"
    " .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n mov 112+8*\\n(%rax), %rcx; mov %rcx, -8-8*\\n(%rsp)\n .endr\n"
    " mov 8(%rax), %rdi; mov 16(%rax), %rsi; mov 24(%rax), %rdx; mov 32(%rax), %r10; mov 40(%rax), %r8\n"
    " mov 48(%rax), %r9; mov 56(%rax), %rbx; mov 64(%rax), %rbp; mov 72(%rax), %r12; mov 80(%rax), %r13\n"
    " mov 88(%rax), %r14; mov 96(%rax), %r15; mov 0(%rax), %rax\n"
    " syscall\n"
    " mov (%rsp), %rcx\n"
    " mov %rax, 0(%rcx); mov %rdi, 8(%rcx); mov %rsi, 16(%rcx); mov %rdx, 24(%rcx); mov %r10, 32(%rcx)\n"
    " mov %r8, 40(%rcx); mov %r9, 48(%rcx); mov %rbx, 56(%rcx); mov %rbp, 64(%rcx); mov %r12, 72(%rcx)\n"
    " mov %r13, 80(%rcx); mov %r14, 88(%rcx); mov %r15, 96(%rcx); mov %rsp, 760(%rcx)\n"
    " .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n mov -8-8*\\n(%rsp), %rax; mov %rax, 112+8*\\n(%rcx)\n .endr\n"
    " pushfq; pop %rax; mov %rax, 104(%rcx); cld\n"
    " stmxcsr 752(%rcx); fnstcw 756(%rcx)\n"
    " mov 8(%rsp), %rdx; test %rdx, %rdx; jz 3f\n"
    " .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n vmovdqu %ymm\\n, 240+32*\\n(%rcx)\n .endr\n vzeroupper; jmp 4f\n"
    "3: .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu %xmm\\n, 240+32*\\n(%rcx)\n .endr\n"
    "4: pop %rsi; pop %rdx; ldmxcsr (%rsp); fldcw 4(%rsp); add $8, %rsp\n"
    " pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    " ret\n");
_Static_assert(offsetof(struct machine, flags) == 104 && offsetof(struct machine, red) == 112, "as the code has it");
_Static_assert(offsetof(struct machine, vectors) == 240 && offsetof(struct machine, control) == 752, "as the code has it");
_Static_assert(offsetof(struct machine, stack) == 760, "as the code has it");

static bool has_wide;
// Carry, parity, adjust, zero, sign, direction, overflow, and the identification flag, which the user may change.
enum { FLAGS = 0x200CD5 };

// What of the machine a call changed that it may not change; `result` is its return.
static const char *call(uint64_t salt, long number, const long arguments[6], long *result) {
  static const char *const names[] = {"rax", "rdi", "rsi", "rdx", "r10", "r8", "r9", "rbx", "rbp", "r12", "r13", "r14",
                                      "r15"};
  struct machine before, after;
  uint64_t *words = (uint64_t *)&before;
  for (size_t i = 0; i < sizeof before / 8; i++) words[i] = (i + 1) * 0x9E3779B97F4A7C15u ^ salt;
  before.general[0] = (uint64_t)number;
  for (int i = 0; i < 6; i++) before.general[1 + i] = (uint64_t)arguments[i];
  before.flags = 0x202 | (salt & FLAGS);
  before.control = 0x1F80 | (salt & 0x6000);
  before.floating = 0x037F | (salt & 0x0C00);
  memset(&after, 0x11, sizeof after);
  run_call(&before, &after, has_wide);
  *result = (long)after.general[0];
  for (int i = 1; i < GENERAL; i++)
    if (before.general[i] != after.general[i]) return names[i];
  if ((before.flags ^ after.flags) & (FLAGS | 0x40100)) return "the flags";
  if (memcmp(before.red, after.red, sizeof before.red) != 0) return "the red zone";
  for (int i = 0; i < 16; i++)
    if (memcmp(before.vectors[i], after.vectors[i], has_wide ? 32 : 16) != 0) return "a vector register";
  if (before.control != after.control) return "mxcsr";
  if ((before.floating & 0xFFFF) != (after.floating & 0xFFFF)) return "the x87 control word";
  return NULL;
}

static const char *numbered(uint64_t salt, long number, long a, long b, long c, long d, long *result) {
  // The last two are none of the call's: patterns that must stay.
  long arguments[6] = {a, b, c, d, (long)(salt * 77 + 1), (long)~salt};
  return call(salt, number, arguments, result);
}

static const char *round_of_calls(uint64_t salt) {
  static _Thread_local int ends[2], pair[2];
  const char *wrong;
  long result, counter, copy;
#define CALL(expected, ...)                                             \
  if ((wrong = numbered(salt++, __VA_ARGS__, &result))) return wrong;   \
  if (!(expected)) return "a result"
  CALL(result == 0, SYS_pipe2, (long)ends, O_CLOEXEC, 3, 4);
  CALL(result == 6, SYS_write, ends[1], (long)"bytes", 6, 4);
  char text[8] = "";
  CALL(result == 6 && strcmp(text, "bytes") == 0, SYS_read, ends[0], (long)text, 6, 4);
  CALL(result >= 0, SYS_eventfd2, 0, EFD_CLOEXEC, 3, 4);
  counter = result;
  CALL(result >= 0, SYS_dup, counter, 2, 3, 4);
  copy = result;
  CALL(result == copy, SYS_dup2, counter, copy, 3, 4);
  CALL(result == copy, SYS_dup3, counter, copy, O_CLOEXEC, 4);
  CALL(result == 0, SYS_close, copy, 2, 3, 4);
  CALL(result >= 0, SYS_fcntl, counter, F_DUPFD_CLOEXEC, 100, 4);
  copy = result;
  CALL(result == 0, SYS_close, copy, 2, 3, 4);
  CALL(result == 0, SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, (long)pair);
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
  memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
  char byte = 'x';
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  CALL(result == 1, SYS_sendmsg, pair[0], (long)&message, 0, 4);
  CALL(result == 1, SYS_recvmsg, pair[1], (long)&message, MSG_CMSG_CLOEXEC, 4);
  int received;
  memcpy(&received, CMSG_DATA(&control.header), sizeof received);
  if (!carries(received, ends[0], salt)) return "a passed pipe";
  CALL(result == 0, SYS_close, received, 2, 3, 4);
  CALL(result == -EFAULT, SYS_pipe2, 8, 0, 3, 4);
  CALL(result == -EINVAL, SYS_pipe2, (long)ends, 0x7FFFFFFF, 3, 4);
  CALL(result == -EBADF, SYS_dup, -1, 2, 3, 4);
  CALL(result >= 0, SYS_epoll_create1, 0x80000, 2, 3, 4);
  CALL(result == 0, SYS_close, result, 2, 3, 4);
  close(pair[0]);
  close(pair[1]);
  close(counter);
  CALL(result == 0, SYS_close, ends[1], 2, 3, 4);
  CALL(result == 0, SYS_read, ends[0], (long)text, 6, 4);
  CALL(result == 0, SYS_close, ends[0], 2, 3, 4);
  CALL(result == getpid(), SYS_getpid, 1, 2, 3, 4);
  return NULL;
}

static void *rounds(void *argument) {
  uint64_t salt = (uint64_t)(uintptr_t)argument * 0x1234567;
  uint64_t fs = 0, gs = 0;
  demand(raw(SYS_arch_prctl, ARCH_SET_GS, 0x123456789000, 0, 0, 0, 0) == 0);
  demand(raw(SYS_arch_prctl, ARCH_GET_FS, (long)&fs, 0, 0, 0, 0) == 0);
  uint64_t first = fs;
  const char *wrong = NULL;
  for (int i = 0; i < ROUNDS && !wrong; i++) wrong = round_of_calls(salt += 0x10F21);
  raw(SYS_arch_prctl, ARCH_GET_FS, (long)&fs, 0, 0, 0, 0);
  raw(SYS_arch_prctl, ARCH_GET_GS, (long)&gs, 0, 0, 0, 0);
  if (!wrong && fs != first) wrong = "the base of fs";
  if (!wrong && gs != 0x123456789000) wrong = "the base of gs";
  return (void *)wrong;
}

static void told(const char *who, const void *wrong) {
  say("%s: %s\n", who, wrong ? (const char *)wrong : "everything is kept");
}

int main(void) {
  alarm(60);
  unsigned a, b, c, d;
  has_wide = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AVX) && (c & bit_OSXSAVE);
  told("alone", rounds((void *)1));
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++) threads[i] = start(rounds, (void *)(i + 2));
  for (int i = 0; i < THREADS; i++) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    told("in a thread", wrong);
  }
  pid_t child = fork();
  if (child == 0) {
    told("in a child", rounds((void *)9));
    _exit(0);
  }
  tell_child("child", child, 0);
  return 0;
}
