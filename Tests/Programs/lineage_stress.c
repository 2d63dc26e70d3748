// Stress program that the lineage fuzzer drives: random descriptor operations in several processes of several threads, which
// share, copy, pass, replace and close each other's descriptors on purpose. A tracer's view of who holds what can then be
// held against the kernel's.
//
// Usage: lineage_stress SEED OPS. Prints `seed N`, does OPS operations in all, prints `done N operations`, exits 0. Every
// choice comes from a PRNG that each task seeds from its parent's; only the scheduling differs between two runs of a seed.
// Built with -DCOUNT it prints at the end how often each operation was tried and succeeded.
//
// How it keeps going whatever the interleaving:
// - No libc after the start: raw system calls (no errno, which all tasks would share), and threads, children that share
//   memory and children that do not are all born of one assembly function, on static stacks. Nothing takes a lock.
// - A call that blocks is interrupted by the task's own timer (SIGURG, whose default is to be ignored: harmless after exec).
// - Counters and the table of live processes are in a memfd at number 200, which no operation touches; it outlives exec.
// - The first process only supervises: it operates on nothing, adopts and reaps what others left behind, replaces the
//   killed. Every other process dies by SIGALRM at a deadline, should all this have failed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  LOWEST = 3, USUAL = 60, HIGHEST = 250, SHARED = 200,  // Descriptor numbers: most operations choose LOWEST...USUAL.
  PROCESSES = 8, SEATS = 6, WORKERS = 3, STACK = 32768, TICK_MILLISECONDS = 30,
};
enum { RANGE_UNSHARE = 2, RANGE_CLOEXEC = 4 };  // <linux/close_range.h>, Linux 5.9 and 5.11
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

enum role { PROCESS, THREAD, SHARER, VFORKED };  // SHARER: a process that shares its parent's memory.

// What all processes share, at descriptor SHARED.
static struct shared {
  _Atomic long left;  // Operations that nobody took yet.
  long operations, deadline;
  _Atomic int process[PROCESSES];  // Live ones, by pid; a killed one's stays till somebody needs the place.
  _Atomic unsigned listening[4];  // Abstract names; the lowest bit tells the type.
  _Atomic long tried[80], succeeded[80];
  char folder[128], fifo[160], program[PATH_MAX];
} *shared;

// How a task is to start. It is read by the newborn, so it lies where nobody reuses it meanwhile.
struct start {
  uint64_t seed;
  int seat, budget;
  enum role role;
  volatile char *hint;
};

// What a thread of this process sits on; its sharer or vforked child sits beside it. The kernel clears the two words when
// the sitter no longer uses the stack (CLONE_CHILD_CLEARTID).
static struct seat {
  _Atomic int taken, child_taken;
  struct start thread_start, child_start, fork_start;
  char hints[HIGHEST + 2], child_hints[HIGHEST + 2];
} seats[SEATS];
static char stacks[SEATS][2][STACK] __attribute__((aligned(64)));

// What was last made at each number, as a letter; a guess, since tasks race. It makes most operations meet a fitting
// descriptor. A task whose table is its own has an own copy.
static char hints[HIGHEST + 2];
#define KINDS "rwbesdqlutSimnPE?"  // pipe ends, both, eventfd, stream, dgram, seqpacket, listening, unconnected, ...

static struct { volatile int epoll, fd; } watched[4];  // Registrations to modify and delete, as guesses too.
static volatile struct { int fd; unsigned name; } listener;  // The last one's.

struct task {
  uint64_t random;
  int seat, budget;
  enum role role;
  int child;  // Its last child that it has not reaped: nobody else can, so this number is safe to kill.
  volatile char *hint;
};

// ---- System calls, births

static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return number;
}
#define PADDED(n, a, b, c, d, e, f, ...) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys(...) PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

// Makes the system call arguments[0] with the other five as its arguments. Where it returns 0 (the child, thread or vforked
// child), continues with function(argument) on the stack: the parent's frames are never run twice.
long born(const long arguments[6], char *stack, void (*function)(void *), void *argument);
__asm__(
    ".text\n.type born, @function\nborn:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n"
    "  mov %rsi, %rbx\n  mov %rdx, %rbp\n  mov %rcx, %r12\n"
    "  mov (%rdi), %rax\n  mov 16(%rdi), %rsi\n  mov 24(%rdi), %rdx\n  mov 32(%rdi), %r10\n  mov 40(%rdi), %r8\n"
    "  mov 8(%rdi), %rdi\n  syscall\n  test %rax, %rax\n  jz 1f\n"
    "  pop %r12\n  pop %rbp\n  pop %rbx\n  ret\n"
    "1: mov %rbx, %rsp\n  mov %rbp, %rax\n  mov %r12, %rdi\n  xor %ebp, %ebp\n  call *%rax\n  hlt\n"
    ".size born, . - born\n");

// ---- Choices

static uint64_t next(struct task *task) {  // splitmix64
  uint64_t z = task->random += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
static int below(struct task *task, int limit) { return (int)((next(task) >> 16) % (unsigned)limit); }
static int one_in(struct task *task, int n) { return below(task, n) == 0; }

static int any_number(struct task *task) {
  int number = LOWEST + below(task, one_in(task, 12) ? HIGHEST - LOWEST : USUAL - LOWEST + 1);
  return number == SHARED ? SHARED - 1 : number;
}

static int is_one_of(char kind, const char *kinds) {
  while (*kinds != 0 && *kinds != kind) kinds++;
  return *kinds != 0;
}

// A number that is probably open as one of the kinds; now and then any number.
static int pick(struct task *task, const char *kinds) {
  if (one_in(task, 16)) return any_number(task);
  int span = USUAL - LOWEST + 1, from = below(task, span);
  for (int i = 0; i < span; i++) {
    int number = LOWEST + (from + i) % span;
    if (is_one_of(task->hint[number], kinds)) return number;
  }
  for (int number = USUAL + 1; number <= HIGHEST; number++) {
    if (number != SHARED && is_one_of(task->hint[number], kinds)) return number;
  }
  return any_number(task);
}

static long note(struct task *task, long number, char kind) {
  if (number >= LOWEST && number <= HIGHEST && number != SHARED) task->hint[number] = kind;
  return number;
}
static char hint_of(struct task *task, int number) {
  char kind = number >= LOWEST && number <= HIGHEST ? task->hint[number] : '?';
  return kind == '.' ? '?' : kind;
}
static void copy_hints(volatile char *to, const volatile char *from) {
  for (int i = 0; i <= HIGHEST; i++) to[i] = from[i];
}
// The task's descriptor table is no longer the one that its fellows use.
static void own_hints(struct task *task) {
  struct seat *seat = &seats[task->seat];
  char *own = task->role == SHARER || task->role == VFORKED ? seat->child_hints : seat->hints;
  if (task->hint != own) copy_hints(own, task->hint);
  task->hint = own;
}

static int cloexec(struct task *task) { return one_in(task, 2) ? O_CLOEXEC : 0; }
static int nonblock(struct task *task) { return one_in(task, 24) ? 0 : O_NONBLOCK; }
static int flags(struct task *task) { return cloexec(task) | nonblock(task); }

static char *put(char *at, const char *text) {
  while (*text != 0) *at++ = *text++;
  *at = 0;
  return at;
}
static char *put_number(char *at, uint64_t number) {
  char digits[24];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  while (count > 0) *at++ = digits[--count];
  *at = 0;
  return at;
}

// ---- The live processes

// Whether the pid is a process of this run, and not one to whom a dead one's number went.
static int is_ours(int pid) {
  char path[40], program[PATH_MAX];
  if (sys(SYS_getpgid, pid) != sys(SYS_getpgid, 0)) return 0;
  put(put_number(put(path, "/proc/"), (unsigned)pid), "/exe");
  long length = sys(SYS_readlink, path, program, sizeof program);
  for (long i = 0; shared->program[i] != 0; i++) {
    if (i >= length || program[i] != shared->program[i]) return 0;
  }
  return 1;
}

static int live_processes(void) {
  int count = 0;
  for (int i = 0; i < PROCESSES; i++) {
    int pid = shared->process[i];
    if (pid != 0 && !is_ours(pid)) __atomic_compare_exchange_n((int *)&shared->process[i], &pid, 0, 0, 5, 5);
    else count += pid != 0;
  }
  return count;
}
static int is_full(void) {
  for (int i = 0; i < PROCESSES; i++) {
    if (shared->process[i] == 0) return 0;
  }
  return live_processes() == PROCESSES;
}
static int replace_place(int old, int new) {
  for (int i = 0; i < PROCESSES; i++) {
    int expected = old;
    if (__atomic_compare_exchange_n((int *)&shared->process[i], &expected, new, 0, 5, 5)) return 1;
  }
  return 0;
}
static int take_place(void) {  // One that exec'd has its place still.
  int pid = (int)sys(SYS_getpid);
  return replace_place(pid, pid) || (!is_full() && replace_place(0, pid));
}
static void leave(void) {
  replace_place((int)sys(SYS_getpid), 0);
  sys(SYS_exit_group, 0);
}

// ---- Operations that make descriptors

enum { PIPE, PIPE2 };
static long op_pipe(struct task *task, int which) {
  int ends[2], extra = one_in(task, 16) ? O_DIRECT : 0;
  long result = which == PIPE2 ? sys(SYS_pipe2, ends, flags(task) | extra) : sys(SYS_pipe, ends);
  if (result < 0) return result;
  note(task, ends[0], 'r');
  note(task, ends[1], 'w');
  for (int i = 0; which == PIPE && i < 2; i++) sys(SYS_fcntl, ends[i], F_SETFL, nonblock(task));
  return result;
}

static long op_eventfd(struct task *task, int two) {
  int extra = one_in(task, 2) ? EFD_SEMAPHORE : 0;
  if (two) return note(task, sys(SYS_eventfd2, below(task, 5), flags(task) | extra), 'e');
  long number = note(task, sys(SYS_eventfd, below(task, 5)), 'e');
  int on = nonblock(task) != 0;
  if (number >= 0) sys(SYS_ioctl, number, FIONBIO, &on);
  return number;
}

static int any_type(struct task *task, char *kind) {
  static const int types[3] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  int which = below(task, 3);
  *kind = "sdq"[which];
  return types[which];
}
static long pair(struct task *task, int ends[2]) {
  char kind;
  int type = any_type(task, &kind);
  long result = sys(SYS_socketpair, AF_UNIX, type | flags(task), 0, ends);
  for (int i = 0; result == 0 && i < 2; i++) note(task, ends[i], kind);
  return result;
}
static long op_socketpair(struct task *task, int unused __attribute__((unused))) {
  int ends[2];
  return pair(task, ends);
}

static unsigned address(struct sockaddr_un *to, unsigned name) {
  to->sun_family = AF_UNIX;
  to->sun_path[0] = 0;
  return (unsigned)(put_number(put(to->sun_path + 1, shared->folder), name) - (char *)to);  // The folder's name is unique.
}
static int type_of(unsigned name) { return name & 1 ? SOCK_SEQPACKET : SOCK_STREAM; }

static long connect_to(struct task *task, unsigned name) {
  struct sockaddr_un to;
  unsigned length = address(&to, name);
  long client = note(task, sys(SYS_socket, AF_UNIX, type_of(name) | flags(task), 0), 'u');
  if (client < 0) return client;
  long result = sys(SYS_connect, client, &to, length);
  if (result == 0) note(task, client, name & 1 ? 'q' : 's');
  else if (one_in(task, 2) && sys(SYS_close, client) == 0) note(task, client, '.');
  return result;
}
static long accept_from(struct task *task, long from) {
  return note(task, sys(SYS_accept4, from, 0, 0, flags(task)), one_in(task, 2) ? 's' : 'q');
}
enum { LISTEN, CONNECT, ACCEPT, SERVE };
static long op_listener(struct task *task, int which) {
  struct sockaddr_un at;
  if (which == CONNECT) return connect_to(task, shared->listening[below(task, 4)]);
  if (which == ACCEPT) {
    if (listener.fd == 0 || one_in(task, 3)) return accept_from(task, pick(task, "l"));
    if (!one_in(task, 3)) connect_to(task, listener.name);
    return accept_from(task, listener.fd);
  }
  unsigned name = (unsigned)next(task), length = address(&at, name);
  long fd = note(task, sys(SYS_socket, AF_UNIX, type_of(name) | flags(task), 0), 'u');
  if (fd < 0) return fd;
  long result = sys(SYS_bind, fd, &at, length);
  if (result == 0) result = sys(SYS_listen, fd, 1 + below(task, 4));
  if (result < 0) return result;
  note(task, fd, 'l');
  if (which == LISTEN) {
    shared->listening[below(task, 4)] = listener.name = name;
    listener.fd = (int)fd;
    return result;
  }
  if ((result = connect_to(task, name)) >= 0) result = accept_from(task, fd);
  if (one_in(task, 2) && sys(SYS_close, fd) == 0) note(task, fd, '.');
  return result;
}

enum { EPOLL, TIMERFD, INOTIFY, MEMFD };
static long op_make(struct task *task, int which) {
  switch (which) {
  case EPOLL: return note(task, sys(SYS_epoll_create1, cloexec(task)), 'E');
  case TIMERFD: return note(task, sys(SYS_timerfd_create, CLOCK_MONOTONIC, flags(task)), 't');
  case INOTIFY: return note(task, sys(SYS_inotify_init1, flags(task)), 'i');
  default: return note(task, sys(SYS_memfd_create, "stress", one_in(task, 2) ? MFD_CLOEXEC : 0), 'm');
  }
}

static long op_signalfd(struct task *task, int onto) {
  uint64_t mask = next(task);
  if (!onto) return note(task, sys(SYS_signalfd4, -1, &mask, sizeof mask, flags(task)), 'S');
  return sys(SYS_signalfd4, pick(task, "S"), &mask, sizeof mask, flags(task));
}

static int any_mode(struct task *task, char *kind) {
  int mode = below(task, 3);
  *kind = "rwb"[mode];
  return mode;
}
enum { NULL_DEVICE, FIFO, AGAIN };
static long op_open(struct task *task, int what) {
  char path[200], kind = 'n';
  int mode = any_mode(task, &kind), more = flags(task);
  if (what == NULL_DEVICE) {
    put(path, "/dev/null");
    kind = 'n';
  } else if (what == FIFO) {
    put(path, shared->fifo);
    mode = O_RDWR;
    kind = 'b';
    more |= O_NONBLOCK;
  } else {
    int number = pick(task, one_in(task, 8) ? KINDS : "rwbmn");
    put_number(put(path, one_in(task, 2) ? "/dev/fd/" : "/proc/self/fd/"), (unsigned)number);
    if (!is_one_of(task->hint[number], "rwb")) kind = hint_of(task, number);
  }
  long result = one_in(task, 2) ? sys(SYS_open, path, mode | more) : sys(SYS_openat, AT_FDCWD, path, mode | more);
  return note(task, result, kind);
}

static long open_process(struct task *task) {
  int pid = (int)sys(SYS_getpid);
  int choice = below(task, 4);
  if (choice == 1 && task->child != 0) pid = task->child;
  if (choice >= 2) {
    int other = choice == 2 ? (int)sys(SYS_getppid) : shared->process[below(task, PROCESSES)];
    if (other != 0 && is_ours(other)) pid = other;
  }
  return note(task, sys(SYS_pidfd_open, pid, nonblock(task)), 'P');
}
static long op_pidfd(struct task *task, int take) {
  if (!take) return open_process(task);
  long process = one_in(task, 2) ? open_process(task) : pick(task, "P");
  int number = pick(task, KINDS);
  return note(task, sys(SYS_pidfd_getfd, process, number, 0), hint_of(task, number));
}

// ---- Operations on descriptors

enum { DUP, DUP2, DUP3 };
static long op_dup(struct task *task, int which) {
  int old = pick(task, KINDS), new = one_in(task, 2) ? pick(task, KINDS) : any_number(task);
  char kind = hint_of(task, old);
  if (which == DUP) return note(task, sys(SYS_dup, old), kind);
  return note(task, which == DUP2 ? sys(SYS_dup2, old, new) : sys(SYS_dup3, old, new, cloexec(task)), kind);
}

static long op_fcntl(struct task *task, int command) {
  int number = pick(task, KINDS);
  char kind = hint_of(task, number);
  if (command == F_SETFD) return sys(SYS_fcntl, number, F_SETFD, below(task, 2));
  if (command == F_SETFL) return sys(SYS_fcntl, number, F_SETFL, nonblock(task) | (one_in(task, 4) ? O_APPEND : 0));
  return note(task, sys(SYS_fcntl, number, command, LOWEST + below(task, USUAL)), kind);
}

static long op_ioctl(struct task *task, int request) {
  int on = nonblock(task) != 0;
  return sys(SYS_ioctl, pick(task, KINDS), request, &on);
}

static long op_close(struct task *task, int unused __attribute__((unused))) {
  int number = any_number(task);
  long result = sys(SYS_close, number);
  note(task, number, '.');
  return result;
}

static long op_close_range(struct task *task, int how) {
  unsigned first = (unsigned)any_number(task), last = first + (unsigned)below(task, 6);
  int where = below(task, 16);
  if (where < 7) first = USUAL + 1, last = SHARED - 1;
  if (where == 7) first = SHARED + 1, last = UINT_MAX;
  if (where == 8) first = LOWEST, last = (unsigned)(LOWEST + below(task, SHARED - LOWEST));
  if (first < SHARED && last >= SHARED) last = SHARED - 1;
  if (how & RANGE_UNSHARE) own_hints(task);
  long result = sys(SYS_close_range, first, last, how);
  for (unsigned i = first; result == 0 && !(how & RANGE_CLOEXEC) && i <= last && i <= HIGHEST; i++) note(task, i, '.');
  return result;
}

// A registration to modify or delete is one of the last ones made, or made first.
static long op_epoll(struct task *task, int command) {
  struct epoll_event event = {.events = EPOLLIN | (one_in(task, 2) ? EPOLLET : 0) | (one_in(task, 4) ? EPOLLOUT : 0)};
  int which = below(task, 4);
  if (command == EPOLL_CTL_ADD || watched[which].epoll == 0 || one_in(task, 2)) {
    int epoll = pick(task, "E"), fd = pick(task, KINDS);
    long result = sys(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, &event);
    if (result == 0) watched[which].epoll = epoll, watched[which].fd = fd;
    if (command == EPOLL_CTL_ADD || watched[which].epoll == 0) return result;
  }
  return sys(SYS_epoll_ctl, watched[which].epoll, command, watched[which].fd, &event);
}

enum { READ, WRITE, READV, WRITEV };
static long op_transfer(struct task *task, int which) {
  uint64_t buffer[32] = {1};
  int number = pick(task, which == WRITE || which == WRITEV ? "wwbesdqmn" : "rbesdqmn" + below(task, 3));
  if (one_in(task, 12)) number = pick(task, KINDS);
  char kind = hint_of(task, number);
  size_t size = kind == 'S' ? sizeof buffer : kind == 'e' ? 8 : 1 + (size_t)below(task, 8);
  struct iovec parts[2] = {{buffer, size}, {buffer + 16, (size_t)below(task, 4)}};
  switch (which) {
  case READ: return sys(SYS_read, number, buffer, size);
  case WRITE: return sys(SYS_write, number, buffer, size);
  case READV: return sys(SYS_readv, number, parts, 2);
  default: return sys(SYS_writev, number, parts, 2);
  }
}

enum { SPLICE, TEE };
static long op_splice(struct task *task, int tee) {
  int into = one_in(task, 3), from = pick(task, !tee && into ? "sm" : "rb"), to = pick(task, tee || into ? "wb" : "wbsdqmn");
  int how = one_in(task, 24) ? 0 : 2;  // SPLICE_F_NONBLOCK
  if (tee) return sys(SYS_tee, from, to, 1 + below(task, 8), how);
  return sys(SYS_splice, from, 0, to, 0, 1 + below(task, 8), how);
}

// ---- Operations that pass descriptors

struct rights {  // As struct cmsghdr, and the numbers.
  size_t length;
  int level, type, number[8];
};
struct packet {
  struct msghdr head;
  struct iovec vector;
  char kinds[8];  // The payload: what the passed ones are.
  struct rights rights;
};

// Several descriptors, maybe none, maybe `self`, to send.
static void pack(struct task *task, struct packet *packet, int self) {
  int count = one_in(task, 10) ? 0 : 1 + below(task, 5);
  packet->kinds[0] = '?';
  for (int i = 0; i < count; i++) {
    packet->rights.number[i] = one_in(task, 10) ? self : pick(task, KINDS);
    packet->kinds[i] = hint_of(task, packet->rights.number[i]);
  }
  packet->rights.length = 16 + 4 * (size_t)count;
  packet->rights.level = SOL_SOCKET;
  packet->rights.type = SCM_RIGHTS;
  packet->vector = (struct iovec){packet->kinds, count > 1 ? (size_t)count : 1};
  packet->head = (struct msghdr){.msg_iov = &packet->vector, .msg_iovlen = 1};
  if (count > 0) packet->head.msg_control = &packet->rights, packet->head.msg_controllen = packet->rights.length;
}
// Room for what comes; in half of the cases for too few descriptors.
static void unpack(struct task *task, struct packet *packet) {
  packet->vector = (struct iovec){packet->kinds, 1 + (size_t)below(task, 8)};
  packet->head = (struct msghdr){.msg_iov = &packet->vector, .msg_iovlen = 1, .msg_control = &packet->rights};
  packet->head.msg_controllen = one_in(task, 2) ? sizeof packet->rights : (size_t)below(task, 40);
}
static void keep(struct task *task, struct packet *packet, long bytes) {
  if (packet->head.msg_controllen < 20 || packet->rights.type != SCM_RIGHTS) return;
  for (int i = 0; i < (int)(packet->rights.length - 16) / 4 && i < 8; i++) {
    note(task, packet->rights.number[i], i < bytes && is_one_of(packet->kinds[i], KINDS) ? packet->kinds[i] : '?');
  }
}

static long send_rights(struct task *task, int socket, int self, int many) {
  struct packet sent[4];
  struct mmsghdr heads[4];
  int count = many ? 1 + below(task, 4) : 1, how = MSG_NOSIGNAL | (one_in(task, 24) ? 0 : MSG_DONTWAIT);
  for (int i = 0; i < count; i++) pack(task, &sent[i], self), heads[i].msg_hdr = sent[i].head;
  return many ? sys(SYS_sendmmsg, socket, heads, count, how) : sys(SYS_sendmsg, socket, &heads[0].msg_hdr, how);
}
static long receive_rights(struct task *task, int socket, int many) {
  struct packet got[4];
  struct mmsghdr heads[4];
  int count = many ? 1 + below(task, 4) : 1, how = one_in(task, 24) ? 0 : MSG_DONTWAIT;
  if (one_in(task, 5)) how |= MSG_PEEK;
  if (one_in(task, 2)) how |= MSG_CMSG_CLOEXEC;
  for (int i = 0; i < count; i++) unpack(task, &got[i]), heads[i].msg_hdr = got[i].head, heads[i].msg_len = 8;
  if (many) how |= MSG_WAITFORONE;
  long result = many ? sys(SYS_recvmmsg, socket, heads, count, how, 0) : sys(SYS_recvmsg, socket, &heads[0].msg_hdr, how);
  for (int i = 0; i < (many ? result : result >= 0); i++) {
    got[i].head = heads[i].msg_hdr;
    keep(task, &got[i], many ? heads[i].msg_len : result);
  }
  return result;
}
static long discard_rights(struct task *task, int socket) {
  char bytes[8];
  int how = MSG_DONTWAIT | (one_in(task, 4) ? MSG_PEEK : 0);
  return sys(SYS_recvfrom, socket, bytes, 1 + below(task, 8), how, 0, 0);
}

enum { SEND, SEND_MANY, RECEIVE, RECEIVE_MANY, DISCARD };
static long op_rights(struct task *task, int which) {
  int socket = pick(task, "sdq");
  switch (which) {
  case SEND: case SEND_MANY: return send_rights(task, socket, socket, which == SEND_MANY);
  case RECEIVE: case RECEIVE_MANY: return receive_rights(task, socket, which == RECEIVE_MANY);
  default: return discard_rights(task, socket);
  }
}

// A socketpair with messages under way, itself among what they carry; then some are received, lost or left.
static long op_underway(struct task *task, int unused __attribute__((unused))) {
  int ends[2];
  long result = pair(task, ends);
  if (result < 0) return result;
  for (int i = 1 + below(task, 4); i > 0; i--) {
    int side = below(task, 2);
    result = send_rights(task, ends[side], ends[below(task, 2)], one_in(task, 4));
  }
  for (int i = below(task, 4); i > 0; i--) {
    if (one_in(task, 4)) discard_rights(task, ends[below(task, 2)]);
    else receive_rights(task, ends[below(task, 2)], one_in(task, 4));
  }
  for (int i = 0, leave = below(task, 4); i < 2; i++) {
    if (leave & (1 << i) || sys(SYS_close, ends[i]) < 0) continue;
    note(task, ends[i], '.');
  }
  return result;
}

// ---- Operations that make and end tasks

static void live(void *start);

#define OWN_CHILDREN (WNOHANG | __WALL | __WNOTHREAD)
// Returns how many were reaped.
static long reap(struct task *task, int how) {
  long pid, count = 0;
  while ((pid = sys(SYS_wait4, -1, 0, how, 0)) > 0 || pid == -EINTR) {
    if (pid == task->child) task->child = 0;
    count += pid > 0;
  }
  return count > 0 ? count : pid;
}
static long op_reap(struct task *task, int how) { return reap(task, how); }

enum { FORK, VFORK, CLONE, CLONE3 };
static long bear(struct task *task, int how, unsigned long share, int signal, char *stack, int *clear, struct start *start) {
  int pidfd = -1;
  char *bottom = share & CLONE_VM ? stack - STACK : 0;
  uint64_t c[8] = {share, (uint64_t)&pidfd, (uint64_t)clear, 0, (uint64_t)signal, (uint64_t)bottom, bottom ? STACK : 0, 0};
  long arguments[6] = {how == FORK ? SYS_fork : how == VFORK ? SYS_vfork : how == CLONE ? SYS_clone : SYS_clone3};
  if (how == CLONE) {
    arguments[1] = (long)share | signal, arguments[2] = (long)(bottom ? stack : 0);
    arguments[3] = (long)&pidfd, arguments[4] = (long)clear;
  }
  if (how == CLONE3) arguments[1] = (long)c, arguments[2] = sizeof c;
  long pid = born(arguments, stack, live, start);
  if (pid > 0 && share & CLONE_PIDFD) note(task, pidfd, 'P');
  if (pid > 0 && !(share & CLONE_THREAD)) task->child = (int)pid;
  return pid;
}
static unsigned long some_of(struct task *task, unsigned long all) { return all & next(task); }

// A process with memory of its own; CLONE_FILES may let it share the descriptors.
static long op_fork(struct task *task, int how) {
  reap(task, OWN_CHILDREN);
  if (is_full()) return -EAGAIN;
  struct start *start = &seats[task->seat].fork_start;
  *start = (struct start){next(task), task->seat, 20 + below(task, 130), PROCESS, task->hint};
  unsigned long share = how == FORK ? 0 : some_of(task, CLONE_FILES | CLONE_FS | CLONE_PIDFD);
  return bear(task, how, share, one_in(task, 4) ? 0 : SIGCHLD, stacks[task->seat][0] + STACK, 0, start);
}

// A process in this memory, on the stack beside the task's.
static long op_share(struct task *task, int how) {
  struct seat *seat = &seats[task->seat];
  reap(task, OWN_CHILDREN);
  if (how != VFORK && is_full()) return -EAGAIN;
  if (__atomic_exchange_n((int *)&seat->child_taken, 1, 5) != 0) return -EBUSY;
  seat->child_start = (struct start){next(task), task->seat, 5 + below(task, 40), SHARER, task->hint};
  unsigned long share = CLONE_VM | CLONE_CHILD_CLEARTID;
  share |= some_of(task, CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_PIDFD | (one_in(task, 2) ? CLONE_VFORK : 0));
  if (!(share & CLONE_FILES)) copy_hints(seat->child_hints, task->hint), seat->child_start.hint = seat->child_hints;
  if (how == VFORK) copy_hints(seat->child_hints, task->hint), seat->child_start.hint = seat->child_hints;
  if (how == VFORK) seat->child_start.role = VFORKED, share = 0;
  int *clear = (int *)&seat->child_taken;
  long pid = bear(task, how, share, one_in(task, 4) ? 0 : SIGCHLD, stacks[task->seat][1] + STACK, clear, &seat->child_start);
  if (pid < 0 || how == VFORK) seat->child_taken = 0;
  return pid;
}

static long op_thread(struct task *task, int how) {
  for (int i = 0; i < SEATS; i++) {
    if (__atomic_exchange_n((int *)&seats[i].taken, 1, 5) != 0) continue;
    struct start *start = &seats[i].thread_start;
    *start = (struct start){next(task), i, 15 + below(task, 90), THREAD, task->hint};
    unsigned long share = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    share |= one_in(task, 8) ? 0 : CLONE_FILES;
    share |= one_in(task, 16) ? CLONE_PIDFD : 0;  // Since Linux 6.9; EINVAL before.
    if (!(share & CLONE_FILES)) copy_hints(seats[i].hints, task->hint), start->hint = seats[i].hints;
    long result = bear(task, how, share, 0, stacks[i][0] + STACK, (int *)&seats[i].taken, start);
    if (result < 0) seats[i].taken = 0;
    return result;
  }
  return -EAGAIN;
}

static long op_unshare(struct task *task, int unused __attribute__((unused))) {
  own_hints(task);
  return sys(SYS_unshare, CLONE_FILES);
}

static void limit_descriptors(unsigned long limit) {
  struct rlimit now;
  if (sys(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &now) != 0 || now.rlim_max < limit) return;
  now.rlim_cur = limit;
  sys(SYS_prlimit64, 0, RLIMIT_NOFILE, &now, 0);
}
// The loader of the new program needs a number, so the limit is higher meanwhile.
static long op_exec(struct task *task, int unused __attribute__((unused))) {
  char seed[24], budget[24], kinds[HIGHEST + 2];
  put_number(seed, next(task));
  put_number(budget, task->budget < 20 ? 20 : (unsigned)task->budget);
  copy_hints(kinds, task->hint);
  kinds[HIGHEST + 1] = 0;
  const char *arguments[6] = {"lineage_stress", "--again", seed, budget, kinds, 0};
  limit_descriptors(512);
  long result = sys(SYS_execve, shared->program, arguments, environ);
  limit_descriptors(256);
  return result;
}

static long op_kill(struct task *task, int self) {
  if (self) return sys(SYS_kill, sys(SYS_getpid), SIGKILL);
  if (task->child == 0) op_fork(task, FORK);
  return task->child != 0 ? sys(SYS_kill, task->child, SIGKILL) : -ESRCH;
}

// ---- The table of operations

static const struct operation {
  const char *name;
  long (*run)(struct task *, int which);
  int which, weight, bears;  // `bears`: needs a seat of its own, so it is not for sharers.
} operations[] = {
    {"pipe", op_pipe, PIPE, 25, 0}, {"pipe2", op_pipe, PIPE2, 40, 0}, {"eventfd", op_eventfd, 0, 10, 0},
    {"eventfd2", op_eventfd, 1, 20, 0}, {"socketpair", op_socketpair, 0, 40, 0}, {"bind listen", op_listener, LISTEN, 5, 0},
    {"connect", op_listener, CONNECT, 14, 0}, {"accept4", op_listener, ACCEPT, 12, 0},
    {"listen connect accept4", op_listener, SERVE, 12, 0}, {"epoll_create1", op_make, EPOLL, 12, 0},
    {"timerfd_create", op_make, TIMERFD, 8, 0}, {"inotify_init1", op_make, INOTIFY, 2, 0},
    {"memfd_create", op_make, MEMFD, 10, 0}, {"signalfd4 new", op_signalfd, 0, 8, 0},
    {"signalfd4 onto", op_signalfd, 1, 6, 0}, {"open /dev/null", op_open, NULL_DEVICE, 12, 0},
    {"open fifo", op_open, FIFO, 12, 0}, {"open fd/N", op_open, AGAIN, 25, 0}, {"pidfd_open", op_pidfd, 0, 12, 0},
    {"pidfd_getfd", op_pidfd, 1, 16, 0}, {"dup", op_dup, DUP, 35, 0}, {"dup2", op_dup, DUP2, 60, 0},
    {"dup3", op_dup, DUP3, 40, 0}, {"F_DUPFD", op_fcntl, F_DUPFD, 25, 0},
    {"F_DUPFD_CLOEXEC", op_fcntl, F_DUPFD_CLOEXEC, 25, 0}, {"F_SETFD", op_fcntl, F_SETFD, 20, 0},
    {"F_SETFL", op_fcntl, F_SETFL, 12, 0}, {"FIOCLEX", op_ioctl, FIOCLEX, 8, 0}, {"FIONCLEX", op_ioctl, FIONCLEX, 8, 0},
    {"FIONBIO", op_ioctl, FIONBIO, 10, 0}, {"close", op_close, 0, 210, 0}, {"close_range", op_close_range, 0, 14, 0},
    {"close_range CLOEXEC", op_close_range, RANGE_CLOEXEC, 5, 0},
    {"close_range UNSHARE", op_close_range, RANGE_UNSHARE, 3, 0},
    {"close_range both", op_close_range, RANGE_CLOEXEC | RANGE_UNSHARE, 2, 0},
    {"epoll_ctl ADD", op_epoll, EPOLL_CTL_ADD, 20, 0}, {"epoll_ctl MOD", op_epoll, EPOLL_CTL_MOD, 10, 0},
    {"epoll_ctl DEL", op_epoll, EPOLL_CTL_DEL, 10, 0},
    {"read", op_transfer, READ, 35, 0}, {"write", op_transfer, WRITE, 50, 0}, {"readv", op_transfer, READV, 12, 0},
    {"writev", op_transfer, WRITEV, 20, 0}, {"splice", op_splice, SPLICE, 15, 0}, {"tee", op_splice, TEE, 12, 0},
    {"sendmsg rights", op_rights, SEND, 40, 0}, {"sendmmsg rights", op_rights, SEND_MANY, 15, 0},
    {"recvmsg rights", op_rights, RECEIVE, 35, 0}, {"recvmmsg rights", op_rights, RECEIVE_MANY, 12, 0},
    {"recvfrom", op_rights, DISCARD, 12, 0}, {"rights under way", op_underway, 0, 20, 0}, {"fork", op_fork, FORK, 3, 1},
    {"clone", op_fork, CLONE, 3, 1}, {"clone3", op_fork, CLONE3, 3, 1}, {"vfork", op_share, VFORK, 4, 1},
    {"clone VM", op_share, CLONE, 3, 1}, {"clone3 VM", op_share, CLONE3, 3, 1}, {"clone thread", op_thread, CLONE, 10, 1},
    {"clone3 thread", op_thread, CLONE3, 10, 1}, {"unshare", op_unshare, 0, 4, 0}, {"execve", op_exec, 0, 3, 0},
    {"kill child", op_kill, 0, 2, 1}, {"kill self", op_kill, 1, 1, 0}, {"wait4", op_reap, OWN_CHILDREN, 8, 1},
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static void operate(struct task *task) {
  int which, at, total = 0;
  for (int i = 0; i < OPERATIONS; i++) total += operations[i].weight;
  do {
    at = below(task, total);
    for (which = 0; at >= operations[which].weight; which++) at -= operations[which].weight;
  } while (operations[which].bears && task->role == SHARER);
#ifdef COUNT
  int may_end = operations[which].run == op_exec || operations[which].run == op_kill;
  shared->tried[which]++;
  shared->succeeded[which] += may_end;
  shared->succeeded[which] += (operations[which].run(task, operations[which].which) >= 0) - may_end;
#else
  operations[which].run(task, operations[which].which);
#endif
}

// ---- The life of a task

static long now(void) {
  struct timespec time;
  sys(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

static void die_at_deadline(void) {
  long seconds = shared->deadline - now();
  sys(SYS_alarm, seconds > 0 ? seconds : 1);
}

static void interrupted(int signal) { (void)signal; }

// Interrupts the task whenever it blocks.
static int start_ticks(void) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
  event._sigev_un._tid = (int)sys(SYS_gettid);
  struct timespec tick = {0, TICK_MILLISECONDS * 1000000};
  struct itimerspec ticks = {tick, tick};
  int timer = -1;
  sys(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
  sys(SYS_timer_settime, timer, 0, &ticks, 0);
  return timer;
}

static void end_process(struct task *task, int timer) {
  int how = below(task, 8);
  if (how == 0) leave();  // The threads are in mid-call.
  if (how == 1) {  // The leader goes, the threads stay.
    sys(SYS_timer_delete, timer);
    sys(SYS_exit, 0);
  }
  for (int i = 0; i < SEATS; i++) {
    struct timespec patience = {0, TICK_MILLISECONDS * 1000000};
    for (int value; i != task->seat && (value = seats[i].taken) != 0;) {
      sys(SYS_futex, &seats[i].taken, FUTEX_WAIT, value, &patience);
    }
  }
  if (one_in(task, 2)) reap(task, __WALL);
  leave();
}

static void work(struct task *task) {
  int timer = start_ticks();
  for (int i = 1 + below(task, 4); task->role == PROCESS && i > 0; i--) op_thread(task, one_in(task, 2) ? CLONE : CLONE3);
  while (task->budget-- > 0 && shared->left-- > 0) operate(task);
  if (task->role == PROCESS) end_process(task, timer);
  if (task->role == SHARER && one_in(task, 8)) op_exec(task, 0);
  if (task->role == SHARER) leave();
  sys(SYS_timer_delete, timer);  // A process's timers outlive its threads.
  sys(SYS_exit, 0);
}

// Between vfork and exec or exit: what such children do, on a descriptor table of their own.
static void work_vforked(struct task *task) {
  for (int i = below(task, 5); i > 0; i--) {
    switch (below(task, 4)) {
    case 0: op_dup(task, DUP2); break;
    case 1: op_fcntl(task, F_DUPFD); break;
    case 2: op_fcntl(task, F_SETFD); break;
    default: op_close(task, 0);
    }
  }
  if (one_in(task, 3) && !is_full()) op_exec(task, 0);
  sys(SYS_exit_group, 0);
}

static void live(void *pointer) {
  const struct start *start = pointer;
  struct task task = {start->seed, start->seat, start->budget, start->role, 0, start->hint};
  if (task.role == VFORKED) work_vforked(&task);
  if (task.role == PROCESS) {
    if (task.hint != hints) copy_hints(hints, task.hint);
    task.hint = hints;
    for (int i = 0; i < SEATS; i++) {
      seats[i].taken = i == task.seat;
      seats[i].child_taken = 0;
    }
  }
  if (task.role != THREAD) {
    if (!take_place()) sys(SYS_exit_group, 0);
    die_at_deadline();
  }
  work(&task);
}

static void *map_shared(void) { return mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED, 0); }

static void go_on_after_exec(char **arguments) {
  if ((shared = map_shared()) == MAP_FAILED) _exit(0);
  limit_descriptors(256);
  struct task task = {strtoull(arguments[2], 0, 10), 0, atoi(arguments[3]), PROCESS, 0, hints};
  copy_hints(hints, arguments[4]);
  seats[0].taken = 1;
  if (!take_place()) _exit(0);
  die_at_deadline();
  work(&task);
}

// ---- The first process

static void say(int to, const char *before, long number, const char *after) {
  char text[200];
  char *end = put(put_number(put(text, before), (unsigned long)number), after);
  sys(SYS_write, to, text, end - text);
}

static void say_counts(void) {
#ifdef COUNT
  for (int i = 0; i < OPERATIONS; i++) {
    long tried = shared->tried[i], succeeded = shared->succeeded[i];
    sys(SYS_write, 2, operations[i].name, strlen(operations[i].name));
    say(2, "\t", tried, "");
    say(2, "\t", succeeded, "");
    say(2, "\t", tried > 0 ? succeeded * 100 / tried : 0, " %\n");
  }
#endif
}

static int prepare(long count) {
  for (int i = 0; i <= 2; i++) {
    if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) != i) return 0;
  }
  sys(SYS_close_range, LOWEST, UINT_MAX, 0);  // What the starter left open is not ours to write to.
  limit_descriptors(256);
  int memory = (int)sys(SYS_memfd_create, "lineage-stress", 0);
  if (memory < 0 || ftruncate(memory, sizeof *shared) != 0 || dup2(memory, SHARED) != SHARED) return 0;
  close(memory);
  if ((shared = map_shared()) == MAP_FAILED) return 0;
  shared->left = count;
  shared->deadline = now() + 120 + count / 1000;
  if (readlink("/proc/self/exe", shared->program, sizeof shared->program - 1) < 0) return 0;
  put(shared->folder, "/tmp/lineage_stress.XXXXXX");
  if (mkdtemp(shared->folder) == 0) return 0;
  put(put(shared->fifo, shared->folder), "/fifo");
  for (int i = 0; i <= HIGHEST; i++) hints[i] = '.';
  return mkfifo(shared->fifo, 0600) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

static int supervise(uint64_t seed, long count) {
  if (!prepare(count)) return 1;
  struct task task = {seed, 0, 0, PROCESS, 0, hints};
  say(1, "seed ", (long)seed, "\n");
  for (int i = 0; i < WORKERS; i++) op_fork(&task, FORK);
  for (;;) {
    long pid = sys(SYS_wait4, -1, 0, __WALL, 0);
    if (shared->left <= 0 || now() >= shared->deadline) {
      if (pid == -ECHILD) break;
    } else if (pid == -ECHILD || live_processes() < WORKERS) {
      op_fork(&task, FORK);
    }
  }
  unlink(shared->fifo);
  rmdir(shared->folder);
  if (shared->left > 0) return 1;
  say_counts();
  say(1, "done ", count, " operations\n");
  return 0;
}

int main(int count, char **arguments) {
  struct sigaction tick = {.sa_handler = interrupted};
  sigaction(SIGURG, &tick, 0);
  signal(SIGPIPE, SIG_IGN);
  if (count == 5 && strcmp(arguments[1], "--again") == 0) go_on_after_exec(arguments);
  if (count != 3) return say(2, "usage: lineage_stress SEED OPS", 0, "\n"), 2;
  return supervise(strtoull(arguments[1], 0, 10), atol(arguments[2]));
}
