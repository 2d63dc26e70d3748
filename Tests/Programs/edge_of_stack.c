// Channels are made with the stack pointer at the lowest byte of a stack, at a page that nobody may touch, or at no
// address at all: a system call needs no stack, so nothing but what the caller passed may change, neither below nor
// above.
#include "channels.h"

#include <limits.h>
#include <sys/auxv.h>

enum { PAGE = 4096, THREADS = 4, ROUNDS = 8 };

// A call with another stack pointer. Signals are blocked meanwhile: a handler would need the stack.
__attribute__((noinline)) static long call_at(void *stack, long number, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("mov %%rsp, %%r12\n mov %[stack], %%rsp\n syscall\n mov %%r12, %%rsp"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), [stack] "b"(stack)
                   : "rcx", "r11", "r12", "memory");
  return result;
}

static void paint(unsigned char *from, size_t size) {
  for (size_t i = 0; i < size; i++) from[i] = (unsigned char)(0xA5 ^ (i * 13));
}

static size_t spoiled(const unsigned char *from, size_t size) {
  size_t found = 0;
  for (size_t i = 0; i < size; i++) found += from[i] != (unsigned char)(0xA5 ^ (i * 13));
  return found;
}

static const char *make_all(void *stack) {
  static _Thread_local int pair[2];
  sigset_t all, old;
  sigfillset(&all);
  demand(sigprocmask(SIG_SETMASK, &all, &old) == 0 && sigprocmask(SIG_SETMASK, NULL, &all) == 0);
  const char *wrong = NULL;
  if (call_at(stack, SYS_pipe2, (long)pair, O_CLOEXEC, 0, 0) != 0) wrong = "pipe2";
  else {
    if (!carries(pair[1], pair[0], 9)) wrong = "bytes";
    if (call_at(stack, SYS_close, pair[0], 0, 0, 0) != 0 || call_at(stack, SYS_close, pair[1], 0, 0, 0) != 0)
      wrong = "close";
  }
  if (call_at(stack, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (long)pair) != 0) wrong = "socketpair";
  else {
    if (!carries(pair[1], pair[0], 9)) wrong = "a socket's bytes";
    close(pair[0]);
    close(pair[1]);
  }
  long fd = call_at(stack, SYS_eventfd2, 0, EFD_CLOEXEC, 0, 0);
  long copy = call_at(stack, SYS_fcntl, fd, F_DUPFD, 60, 0);
  if (fd < 0 || copy < 60 || !counts(copy, 5)) wrong = "eventfd2";
  close(fd);
  close(copy);
  sigset_t now;
  demand(sigprocmask(SIG_SETMASK, &old, &now) == 0);
  if (memcmp(&now, &all, 8) != 0) wrong = "the signal mask";
  return wrong;
}

static void edges(void) {
  unsigned char *area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  demand(area != MAP_FAILED);
  paint(area, 4 * PAGE);
  const struct {
    const char *name;
    unsigned char *stack;
    int below;
  } places[] = {
      {"in the middle", area + 2 * PAGE, PROT_READ | PROT_WRITE},
      {"at an odd byte", area + 2 * PAGE + 3, PROT_READ | PROT_WRITE},
      {"above a page without access", area + 2 * PAGE, PROT_NONE},
      {"above a page for reading", area + 2 * PAGE, PROT_READ},
      {"within a page for reading", area + PAGE + 512, PROT_READ},
      {"within a page without access", area + PAGE + 512, PROT_NONE},
      {"at 0", NULL, PROT_READ | PROT_WRITE},
      {"at 8", (unsigned char *)8, PROT_READ | PROT_WRITE},
      {"at the top of user memory", (unsigned char *)0x7FFFFFFFEFF0, PROT_READ | PROT_WRITE},
      {"at no canonical address", (unsigned char *)0x8000000000000000, PROT_READ | PROT_WRITE},
  };
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    demand(mprotect(area + PAGE, PAGE, places[i].below) == 0);
    const char *wrong = make_all(places[i].stack);
    demand(mprotect(area + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
    say("%s: %s, bytes spoiled %zu\n", places[i].name, wrong ? wrong : "right", spoiled(area, 4 * PAGE));
  }
}

struct small {
  unsigned char *area;
  size_t size;
  const char *wrong;
  size_t spoiled;
};

// The least stack that the library takes; the calls are made at its lowest byte.
static void *on_small_stack(void *argument) {
  struct small *mine = argument;
  // Between the end of what the thread uses and the lowest byte, less than a page above it, lies canary too.
  paint(mine->area, 2 * PAGE);
  for (int i = 0; i < ROUNDS && !mine->wrong; i++) {
    mine->wrong = make_all(mine->area + PAGE);
    if (!mine->wrong) mine->wrong = make_all(mine->area + PAGE + 40);
  }
  mine->spoiled = spoiled(mine->area, 2 * PAGE);
  return NULL;
}

static void small_threads(void) {
  struct small all[THREADS] = {0};
  pthread_t threads[THREADS];
  size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
  for (int i = 0; i < THREADS; i++) {
    // A page of canary, the stack, a page of canary.
    all[i].size = least + 4 * PAGE;
    all[i].area = mmap(NULL, all[i].size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    demand(all[i].area != MAP_FAILED);
    paint(all[i].area + all[i].size - PAGE, PAGE);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    demand(pthread_attr_setstack(&attributes, all[i].area + PAGE, all[i].size - 2 * PAGE) == 0);
    demand(pthread_create(&threads[i], &attributes, on_small_stack, &all[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    say("thread %d: %s, bytes spoiled %zu below, %zu above\n", i, all[i].wrong ? all[i].wrong : "right",
        all[i].spoiled, spoiled(all[i].area + all[i].size - PAGE, PAGE));
  }
}

// A handler's stack that holds the frame and little more; the calls are made at its lowest byte.
static unsigned char *alternate;
static const char *volatile in_handler = "not run";
static void handle(int number) {
  (void)number;
  in_handler = make_all(alternate);
}

static void small_alternate(void) {
  size_t least = getauxval(AT_MINSIGSTKSZ), usual = (size_t)MINSIGSTKSZ;
  size_t size = (least > usual ? least : usual) + 2048;
  unsigned char *area = malloc(size + 2 * PAGE);
  demand(area);
  paint(area, size + 2 * PAGE);
  alternate = area + PAGE;
  stack_t stack = {.ss_sp = alternate, .ss_size = size}, old;
  demand(sigaltstack(&stack, NULL) == 0);
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  demand(sigaction(SIGUSR1, &action, NULL) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    in_handler = "not run";
    raise(SIGUSR1);
    if (in_handler) break;
  }
  demand(sigaltstack(NULL, &old) == 0);
  say("alternate stack: %s, bytes spoiled %zu below, still set %d\n", in_handler ? in_handler : "right",
      spoiled(area, PAGE), old.ss_sp == alternate && old.ss_size == size);
  size_t above = 0;
  for (size_t i = PAGE + size; i < size + 2 * PAGE; i++) above += area[i] != (unsigned char)(0xA5 ^ (i * 13));
  say("alternate stack: bytes spoiled %zu above\n", above);
}

int main(void) {
  alarm(60);
  edges();
  small_threads();
  small_alternate();
  return 0;
}
