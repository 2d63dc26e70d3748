// Restartable sequences (rseq(2)) count per processor without atomics while other threads make channels: a section
// that a tracer let run on after an interruption loses counts. By glibc's registration, and by one's own where glibc
// makes none.
#include "channels.h"

#include <sys/auxv.h>

enum { THREADS = 4, PROCESSORS = 512, COUNTS = 3000000, ROUNDS = 40 };

struct area {
  uint32_t cpu_id_start, cpu_id;
  uint64_t section;
  uint32_t flags, node_id, mm_cid;
} __attribute__((aligned(32)));

struct section {
  uint32_t version, flags;
  uint64_t start, length, abort;
} __attribute__((aligned(32)));

extern const ptrdiff_t __rseq_offset;
extern const unsigned __rseq_size;
static _Thread_local struct area own_area = {.cpu_id = (uint32_t)-1};
static struct {
  long value;
  char fill[56];
} counter[PROCESSORS];
static atomic_long aborts;
static atomic_int counting;
static bool registers_itself;

static struct area *my_area(void) {
  if (registers_itself) {
    static _Thread_local bool done;
    if (!done) demand(syscall(SYS_rseq, &own_area, 32, 0, 0x53053053) == 0);
    done = true;
    return &own_area;
  }
  return (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

// Adds one to the processor's counter; false if the kernel broke it off.
static bool add(struct area *area) {
  bool committed = false;
  __asm__ goto(
      ".pushsection __rseq_sections, \"aw\"\n .balign 32\n"
      "3: .long 0, 0\n .quad 1f, 2f - 1f, 4f\n .popsection\n"
      "lea 3b(%%rip), %%rax\n mov %%rax, 8(%[area])\n"
      "1: mov 4(%[area]), %%eax\n shl $6, %%rax\n add %[counter], %%rax\n"
      // Wide enough to be interrupted in.
      "mov (%%rax), %%rcx\n .rept 40\n nop\n .endr\n inc %%rcx\n mov %%rcx, (%%rax)\n"
      "2: jmp 5f\n"
      ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
      "4: jmp %l[aborted]\n"
      "5:\n"
      :
      : [area] "r"(area), [counter] "r"(counter)
      : "rax", "rcx", "memory", "cc"
      : aborted);
  committed = true;
aborted:
  return committed;
}

static void *count(void *unused) {
  struct area *area = my_area();
  for (int i = 0; i < COUNTS;) {
    if (add(area)) i++;
    else atomic_fetch_add(&aborts, 1);
  }
  atomic_fetch_sub(&counting, 1);
  return unused;
}

// One that counts and makes channels in turn.
static void *count_and_make(void *result) {
  struct area *area = my_area();
  for (int i = 0; i < COUNTS;) {
    if (add(area)) i++;
    if (i % (COUNTS / ROUNDS) == 0) {
      const char *wrong = channels_work((unsigned)i);
      if (wrong) *(const char **)result = wrong;
    }
  }
  atomic_fetch_sub(&counting, 1);
  return NULL;
}

static void run(const char *name) {
  atomic_store(&counting, THREADS + 1);
  pthread_t threads[THREADS + 1];
  const char *wrong = NULL, *made_wrong = NULL;
  for (int i = 0; i < THREADS; i++) threads[i] = start(count, NULL);
  threads[THREADS] = start(count_and_make, &made_wrong);
  for (unsigned i = 0; i < ROUNDS && !wrong; i++) wrong = channels_work(i);
  // While anybody counts, so that there is something to break; but not for ever.
  for (unsigned i = 0; i < 10 * ROUNDS && atomic_load(&counting) && !wrong; i++) wrong = channels_work(i);
  for (int i = 0; i <= THREADS; i++) pthread_join(threads[i], NULL);
  long sum = 0;
  for (int i = 0; i < PROCESSORS; i++) sum += counter[i].value;
  say("%s: channels: %s, and in a counting thread: %s, lost counts: %ld\n", name, wrong ? wrong : "work",
      made_wrong ? made_wrong : "work", (long)COUNTS * (THREADS + 1) - sum);
  // Alone on one processor the area names it.
  cpu_set_t set;
  demand(sched_getaffinity(0, sizeof set, &set) == 0);
  for (int cpu = 0; cpu < PROCESSORS; cpu++) {
    if (!CPU_ISSET(cpu, &set)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    demand(sched_setaffinity(0, sizeof one, &one) == 0);
    struct area *area = my_area();
    int ends[2];
    demand(pipe(ends) == 0);
    unsigned seen = *(volatile uint32_t *)&area->cpu_id, told = 0;
    demand(raw(SYS_getcpu, (long)&told, 0, 0, 0, 0, 0) == 0);
    if (seen != told) say("%s: the area names another processor\n", name);
  }
}

int main(int count, char **arguments) {
  (void)count;
  alarm(60);
  if (getenv("GLIBC_TUNABLES")) {
    registers_itself = true;
    say("glibc's area has %u bytes\n", __rseq_size);
    run("own registration");
    return 0;
  }
  if (!__rseq_size) say("glibc registers nothing\n");
  else run("glibc's registration");
  setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
  execv("/proc/self/exe", arguments);
  return 1;
}
