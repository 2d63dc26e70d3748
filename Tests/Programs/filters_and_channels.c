// Seccomp filters of a program's own that a tracer's injected seccomp(2) would run into: it is denied, deadly,
// trapped, answered by another process, or in one thread only. Before and after, channels are made, and forks use
// them; the filter itself answers as it does natively.
#include "channels.h"

#include <poll.h>
#include <sys/ioctl.h>

static int made[2];

static void make_first(void) {
  demand(pipe(made) == 0);
  tell_channels("before");
}

static void use_all(void) {
  say("the pipe from before carries: %d\n", carries(made[1], made[0], 3));
  tell_channels("after");
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    tell_channels("in a child");
    say("there the pipe from before carries: %d\n", carries(made[1], made[0], 6));
    execl("/bin/sh", "sh", "-c", "echo through a pipe | cat", (char *)NULL);
  }
  tell_child("child", child, 0);
}

// Whether the program's own calls are still answered by its filter.
static void own_calls(void) {
  tell("own seccomp", syscall(SYS_seccomp, 99, 0, NULL));
  tell("own prctl", prctl(PR_SET_SECCOMP, 99, NULL));
}

static void denies_seccomp(void) {
  make_first();
  tell("filter", install_filter(SYS_seccomp, SECCOMP_RET_ERRNO | 77, 0));
  own_calls();
  use_all();
}

static void denies_prctl(void) {
  make_first();
  demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  // By the older call.
  tell("filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){sizeof code / sizeof *code, code}));
  own_calls();
  use_all();
}

static void first_of_all(void) {
  // Before the first channel.
  tell("filter", install_filter(SYS_seccomp, SECCOMP_RET_ERRNO | 77, 0));
  make_first();
  use_all();
}

static void kills(void) {
  make_first();
  tell("filter", install_filter(SYS_seccomp, SECCOMP_RET_KILL_PROCESS, 0));
  use_all();
  say("own seccomp: ");
  syscall(SYS_seccomp, 99, 0, NULL);
  say("survived\n");
}

static void kills_first_of_all(void) {
  tell("filter", install_filter(SYS_seccomp, SECCOMP_RET_KILL_PROCESS, 0));
  make_first();
  use_all();
}

static void kills_thread(void) {
  make_first();
  tell("filter", install_filter(SYS_seccomp, SECCOMP_RET_KILL_THREAD, 0));
  use_all();
}

static atomic_int trapped;
static void trap(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  atomic_fetch_add(&trapped, 1);
  if (info->si_syscall != SYS_seccomp || info->si_errno != 12) say("another call %d was trapped\n", info->si_syscall);
}

static void traps(void) {
  make_first();
  struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
  tell("filter", install_filter(SYS_seccomp, SECCOMP_RET_TRAP | 12, 0));
  use_all();
  say("trapped without our doing: %d\n", atomic_load(&trapped));
  syscall(SYS_seccomp, 99, 0, NULL);
  say("trapped: %d\n", atomic_load(&trapped));
}

static void only_allows(void) {
  make_first();
  tell("filter", install_filter(SYS_getppid, SECCOMP_RET_ALLOW, 0));
  tell("filter", install_filter(SYS_getpriority, SECCOMP_RET_LOG, 0));
  use_all();
  // Layer upon layer.
  int more = 0;
  for (int i = 0; i < 40; i++) {
    unsigned flags = i & 1 ? SECCOMP_FILTER_FLAG_TSYNC : 0;
    more += install_filter(SYS_getppid, SECCOMP_RET_ALLOW, flags) == 0;
  }
  say("layers: %d\n", more);
  use_all();
}

static void log_all(void) {
  make_first();
  tell("filter", install_filter(SYS_seccomp, SECCOMP_RET_LOG, 0));
  use_all();
  own_calls();
}

// The thread's filter is the thread's alone.
static atomic_int stage;
static void *filtered_thread(void *action) {
  tell("filter", install_filter(SYS_getpriority, (unsigned)(uintptr_t)action, 0));
  tell_channels("in the filtered thread");
  atomic_store(&stage, 1);
  until(&stage, 2);
  errno = 0;
  tell("getpriority in the filtered thread", syscall(SYS_getpriority, 0, 0) > 0 ? 1 : -1);
  tell_channels("in the filtered thread");
  tell("it syncs", install_filter(SYS_getppid, SECCOMP_RET_ERRNO | 5, 0));
  return NULL;
}

static void one_thread(void) {
  make_first();
  pthread_t thread = start(filtered_thread, (void *)(uintptr_t)(SECCOMP_RET_ERRNO | 33));
  until(&stage, 1);
  tell("getpriority in the leader", syscall(SYS_getpriority, 0, 0) > 0);
  tell_channels("in the leader");
  tell("getpriority in the leader", syscall(SYS_getpriority, 0, 0) > 0);
  atomic_store(&stage, 2);
  pthread_join(thread, NULL);
  tell("getppid in the leader", getppid() > 0);
  use_all();
  tell("getpriority in the leader", syscall(SYS_getpriority, 0, 0) > 0);
}

static void *idle(void *unused) {
  atomic_store(&stage, 1);
  until(&stage, 2);
  return unused;
}

// The other way round: the leader has a filter that its thread lacks, so that a TSYNC from the thread names the leader.
static void diverged_leader(void) {
  make_first();
  pthread_t thread = start(idle, NULL);
  until(&stage, 1);
  tell("filter", install_filter(SYS_getpriority, SECCOMP_RET_ERRNO | 33, 0));
  use_all();
  tell("getpriority", syscall(SYS_getpriority, 0, 0));
  atomic_store(&stage, 2);
  pthread_join(thread, NULL);
  use_all();
}

static void *makes_too(void *wrong) {
  for (unsigned i = 0; i < 20; i++)
    if (channels_work(i)) *(int *)wrong += 1;
  tell("getpriority", syscall(SYS_getpriority, 0, 0) > 0 ? 1 : -1);
  return NULL;
}

static void synchronised(void) {
  make_first();
  pthread_t thread = start(idle, NULL);
  until(&stage, 1);
  tell("filter with TSYNC", install_filter(SYS_getpriority, SECCOMP_RET_ERRNO | 33, SECCOMP_FILTER_FLAG_TSYNC));
  int wrong = 0;
  pthread_t other = start(makes_too, &wrong);
  pthread_join(other, NULL);
  say("wrong: %d\n", wrong);
  atomic_store(&stage, 2);
  pthread_join(thread, NULL);
  use_all();
}

// Another process answers for seccomp(2): an injected one would wait for it, or be heard of.
static void notifies(void) {
  make_first();
  int *asked = shared(sizeof *asked);
  int listener = install_filter(SYS_seccomp, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
  demand(listener >= 0);
  pid_t answerer = fork();
  if (answerer == 0) {
    alarm(40);
    for (;;) {
      struct seccomp_notif request = {0};
      if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) _exit(errno == ENOENT ? 0 : 1);
      *asked += 1;
      struct seccomp_notif_resp answer = {.id = request.id, .error = -55};
      if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) != 0) _exit(2);
      if (request.data.args[0] == 99) _exit(0);
    }
  }
  use_all();
  say("asked without our doing: %d\n", *asked);
  tell("own seccomp", syscall(SYS_seccomp, 99, 0, NULL));
  say("asked: %d\n", *asked);
  tell_child("answerer", answerer, 0);
}

// A sandbox: nothing is allowed but what a worker between two pipes needs.
static void sandbox(void) {
  make_first();
  demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  static const int allowed[] = {SYS_read,       SYS_write,        SYS_close, SYS_pipe2, SYS_eventfd2,
                                SYS_exit_group, SYS_rt_sigreturn, SYS_poll,  SYS_lseek, SYS_newfstatat, SYS_fstat};
  struct sock_filter code[32] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  unsigned short length = 1;
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  demand(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){length, code}) == 0);
  const char *wrong = NULL;
  for (unsigned i = 0; i < 20 && !wrong; i++) wrong = channels_work(i);
  int ready = poll(&(struct pollfd){made[0], POLLIN, 0}, 1, 1);
  say("sandboxed: channels: %s, poll %d, carries %d\n", wrong ? wrong : "work", ready, carries(made[1], made[0], 3));
}

int main(void) {
  alarm(60);
  static const struct {
    const char *name;
    void (*body)(void);
  } all[] = {
      {"seccomp is denied", denies_seccomp}, {"seccomp and prctl are denied", denies_prctl},
      {"denied first of all", first_of_all}, {"seccomp kills", kills}, {"kills first of all", kills_first_of_all},
      {"seccomp kills the thread", kills_thread}, {"seccomp traps", traps}, {"only allows", only_allows},
      {"logs seccomp", log_all}, {"one thread", one_thread}, {"diverged leader", diverged_leader},
      {"synchronised", synchronised}, {"another answers", notifies}, {"sandbox", sandbox},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) in_child(all[i].name, all[i].body);
  return 0;
}
