// A program's own seccomp filters: ERRNO, TRAP with its siginfo, KILL, LOG, USER_NOTIF, and TRACE, which
// without a tracer of the program's own is ENOSYS (seccomp(2)).
#include "program.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

// `action` for one call, ALLOW for all others. Returns what seccomp(2) does.
static long filter(int number, unsigned action, unsigned flags) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void trapped(int number, siginfo_t *info, void *context) {
  (void)context;
  say("handler: %s code %d errno %d, call %d, arch %x\n", signal_name(number), info->si_code, info->si_errno,
      info->si_syscall, info->si_arch);
}

static void *make_pipe(void *unused) {
  int ends[2];
  tell("pipe2 in a thread", pipe2(ends, 0));
  return unused;
}

static void run(int which) {
  int ends[2];
  pthread_t thread;
  switch (which) {
    case 0:
      filter(SYS_pipe2, SECCOMP_RET_ERRNO | 77, 0);
      tell("ERRNO", pipe2(ends, 0));
      filter(SYS_getppid, SECCOMP_RET_ERRNO | 0, 0);
      tell("ERRNO 0", getppid());
      filter(SYS_dup, SECCOMP_RET_ERRNO | 0xFFFF, 0);
      tell("ERRNO beyond all", dup(0));
      break;
    case 1: {
      struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
      sigaction(SIGSYS, &action, NULL);
      filter(SYS_pipe2, SECCOMP_RET_TRAP | 99, 0);
      filter(SYS_getppid, SECCOMP_RET_TRAP | 98, 0);
      // The registers are as the handler leaves them: rax holds the number.
      say("TRAP: %ld\n", syscall(SYS_pipe2, ends, 0));
      say("TRAP: %ld\n", syscall(SYS_getppid));
      break;
    }
    case 2:
      filter(SYS_pipe2, SECCOMP_RET_TRACE | 5, 0);
      tell("TRACE", pipe2(ends, 0));
      filter(SYS_getppid, SECCOMP_RET_TRACE, 0);
      tell("TRACE of another", getppid());
      filter(SYS_read, SECCOMP_RET_TRACE, 0);
      tell("TRACE of read", read(0, ends, 1));
      filter(SYS_fork, SECCOMP_RET_TRACE | 9, 0);
      tell("TRACE of fork", syscall(SYS_fork));
      break;
    case 3: filter(SYS_pipe2, SECCOMP_RET_KILL_PROCESS, 0); pipe2(ends, 0); break;
    case 4: filter(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0); getppid(); break;
    case 5:
      // Only the thread ends; the process goes on.
      filter(SYS_pipe2, SECCOMP_RET_KILL_THREAD, 0);
      pthread_create(&thread, NULL, make_pipe, NULL);
      pthread_join(thread, NULL);
      say("the thread is gone\n");
      break;
    case 6:
      filter(SYS_pipe2, SECCOMP_RET_LOG, 0);
      tell("LOG", pipe2(ends, 0));
      break;
    case 7: {
      atomic_int *go = shared(sizeof *go);
      pthread_create(&thread, NULL, make_pipe, NULL);
      pthread_join(thread, NULL);
      tell("TSYNC", filter(SYS_pipe2, SECCOMP_RET_ERRNO | 11, SECCOMP_FILTER_FLAG_TSYNC));
      pthread_create(&thread, NULL, make_pipe, go);
      pthread_join(thread, NULL);
      break;
    }
    case 8: {
      // Another process answers for the call.
      int pair[2];
      demand(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
      int listener = filter(SYS_eventfd2, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
      demand(listener >= 0);
      pid_t answerer = fork();
      if (answerer == 0) {
        for (int i = 0; i < 2; i++) {
          struct seccomp_notif asked = {0};
          demand(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) == 0);
          struct seccomp_notif_resp answer = {.id = asked.id, .val = 0, .error = i ? -55 : 0};
          if (i == 0) answer.val = 1234;
          demand(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0);
        }
        _exit(0);
      }
      tell("USER_NOTIF", syscall(SYS_eventfd2, 0, 0));
      tell("USER_NOTIF", syscall(SYS_eventfd2, 0, 0));
      tell_child("answerer", answerer, 0);
      break;
    }
    case 9:
      filter(SYS_exit_group, SECCOMP_RET_ERRNO | 1, 0);
      syscall(SYS_exit, 21);
      break;
    case 10: {
      int fds[2];
      demand(pipe(fds) == 0);
      // A filter that forbids restart_syscall, which a stopped poll needs.
      filter(SYS_restart_syscall, SECCOMP_RET_KILL_PROCESS, 0);
      poll(&(struct pollfd){fds[0], POLLIN, 0}, 1, 30000);
    }
  }
  _exit(20 + which);
}

int main(void) {
  alarm(60);
  for (int which = 0; which < 11; which++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(30);
      run(which);
    }
    if (which == 10) {
      until_asleep(child);
      kill(child, SIGSTOP);
      tell_child("child", child, WUNTRACED);
      kill(child, SIGCONT);
    }
    char who[16];
    snprintf(who, sizeof who, "child %d", which);
    tell_child(who, child, 0);
  }
  return 0;
}
