// Stacks and structures that lie: frame pointers that point at themselves, stack pointers into nothing, a _PyRuntime without a Python,
// whose lists go round. Calls are made there all the same, and whoever looks must come to an end.
#include "channels.h"

#include <sys/mman.h>

// What a walk looks for first: exported, in the dynamic symbols (the program is linked with -rdynamic).
struct node {
  struct node *words[128];
};
struct node _PyRuntime;
struct node ring[4];
unsigned long Py_Version = 0x030B07F0;

// pipe2 by itself with another stack pointer and base pointer.
static long pipe_from(uint64_t stack, uint64_t base, int *ends) {
  long result;
  __asm__ volatile(
    "mov %%rsp, %%r12\n mov %%rbp, %%r13\n mov %[stack], %%rsp\n mov %[base], %%rbp\n syscall\n mov %%r12, %%rsp\n mov %%r13, %%rbp"
    : "=a"(result)
    : "a"(SYS_pipe2), "D"(ends), "S"(O_CLOEXEC), [stack] "r"(stack), [base] "r"(base)
    : "rcx", "r11", "r12", "r13", "memory");
  return result;
}

// Its table says that the caller's frame lies at INT64_MIN / -1, which no register holds: DW_CFA_def_cfa_expression of DW_OP_lit1,
// DW_OP_const1u 63, DW_OP_shl, DW_OP_lit1, DW_OP_neg, DW_OP_div.
long pipe_divided(int *ends);
__asm__(
  ".text\n .globl pipe_divided\n .type pipe_divided, @function\n pipe_divided:\n .cfi_startproc\n"
  ".cfi_escape 0x0f, 7, 0x31, 0x08, 63, 0x24, 0x31, 0x1f, 0x1b\n"
  "mov $293, %eax\n xor %esi, %esi\n syscall\n ret\n .cfi_endproc\n .size pipe_divided, .-pipe_divided");

static void tell_pipe(const char *what, long result, int *ends) {
  say("%s: %ld, carries %d\n", what, result, result == 0 && carries(ends[1], ends[0], 1));
  if (result == 0) close(ends[0]), close(ends[1]);
}

int main(void) {
  alarm(60);
  int ends[2];
  // 3.11's offsets: interpreters at 40, threads at 16, next at 8: all of them lead round in a ring.
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 128; j++) ring[i].words[j] = &ring[(i + j) % 4];
  for (int j = 0; j < 128; j++) _PyRuntime.words[j] = &ring[j % 4];
  tell_pipe("a runtime that goes round", pipe2(ends, O_CLOEXEC), ends);
  // The frames go round, too: thread_id at 152 is this thread's.
  ring[0].words[152 / 8] = (struct node *)pthread_self();
  ring[1].words[152 / 8] = (struct node *)pthread_self();
  tell_pipe("frames that go round", pipe2(ends, O_CLOEXEC), ends);
  uint64_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  demand(page != MAP_FAILED);
  for (int i = 0; i < 1024; i++) page[i] = (uint64_t)&page[i];
  tell_pipe("a stack that points at itself", pipe_from((uint64_t)page, (uint64_t)page, ends), ends);
  for (int i = 0; i < 1024; i++) page[i] = (uint64_t)&page[(i + 2) % 512];
  tell_pipe("frames that go back", pipe_from((uint64_t)&page[100], (uint64_t)&page[50], ends), ends);
  for (int i = 0; i < 1024; i++) page[i] = (uint64_t)main + (uint64_t)i;
  tell_pipe("a stack full of code", pipe_from((uint64_t)page, (uint64_t)page, ends), ends);
  tell_pipe("no stack", pipe_from(8, 8, ends), ends);
  tell_pipe("a stack at the end", pipe_from(UINT64_MAX - 7, UINT64_MAX - 7, ends), ends);
  tell_pipe("a stack that ends", pipe_from((uint64_t)page + 8184, (uint64_t)page + 8184, ends), ends);
  tell_pipe("a table that divides what cannot be divided", pipe_divided(ends), ends);
  // Code that belongs to no file.
  unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  demand(code != MAP_FAILED);
  // mov eax, 293; syscall; ret
  memcpy(code, "\xB8\x25\x01\x00\x00\x0F\x05\xC3", 8);
  tell_pipe("code that was made", ((long (*)(int *, int))(void *)code)(ends, O_CLOEXEC), ends);
  return 0;
}
