// Exec from a thread that is not the leader, while the others sit in all kinds of calls, the leader too or
// gone already: the new program has the process's number as its only thread's, keeps ignored and pending
// signals, mask and alarm, and has lost handlers and close-on-exec descriptors (execve(2)).
#include "program.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/time.h>

static int ends[2];
static int word;
static char self_path[4096];
static atomic_int sitting;

static void *sit(void *which) {
  atomic_fetch_add(&sitting, 1);
  char byte;
  struct pollfd set = {ends[0], POLLIN, 0};
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  switch ((intptr_t)which) {
    case 0: return (void *)(intptr_t)read(ends[0], &byte, 1);
    case 1: return (void *)(intptr_t)poll(&set, 1, -1);
    case 2: return (void *)(intptr_t)syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
    case 3: return (void *)(intptr_t)nanosleep(&(struct timespec){60, 0}, NULL);
    case 4: for (;;) syscall(SYS_getppid);
    case 5: for (;;) demand(write(nowhere, "x", 1) == 1);
    default: return (void *)(intptr_t)pause();
  }
}

static void *exec_self(void *expected) {
  while (atomic_load(&sitting) < 7) nap();
  char pid[16];
  snprintf(pid, sizeof pid, "%d", getpid());
  execl(self_path, "exec_identity", "again", pid, (char *)expected, (char *)NULL);
  return NULL;
}

static void unused_handler(int number) { (void)number; }

static int again(char **arguments) {
  say("%s: pid is as before %d, tid is pid %d\n", arguments[3], getpid() == atoi(arguments[2]), gettid() == getpid());
  struct sigaction action;
  sigaction(SIGUSR1, NULL, &action);
  say("USR1 %s, ", action.sa_handler == SIG_DFL ? "default" : "handled");
  sigaction(SIGUSR2, NULL, &action);
  sigset_t pending, mask;
  sigpending(&pending);
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("USR2 %s, HUP blocked %d pending %d, ", action.sa_handler == SIG_IGN ? "ignored" : "not ignored",
      sigismember(&mask, SIGHUP), sigismember(&pending, SIGHUP));
  struct itimerval left;
  getitimer(ITIMER_REAL, &left);
  say("alarm %d\n", left.it_value.tv_sec > 40);
  for (int fd = 3; fd < 10; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) say("fd %d is open\n", fd);
  }
  char name[17] = "";
  prctl(PR_GET_NAME, name);
  say("name %s\n", name);
  return 11;
}

int main(int count, char **arguments) {
  if (count > 1) return again(arguments);
  for (int fd = 3; fd < 20; fd++) close(fd);
  demand(readlink("/proc/self/exe", self_path, sizeof self_path - 1) > 0);
  char *const ways[] = {"leader reads", "leader is gone", "leader execs"};
  for (intptr_t way = 0; way < 3; way++) {
    for (int round = 0; round < 8; round++) {
      pid_t child = fork();
      if (child == 0) {
        alarm(60);
        demand(pipe2(ends, O_CLOEXEC) == 0 && dup(ends[0]) == 5);
        signal(SIGUSR1, unused_handler);
        signal(SIGUSR2, SIG_IGN);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        kill(getpid(), SIGHUP);
        pthread_t thread;
        for (intptr_t which = 0; which < 7; which++) pthread_create(&thread, NULL, sit, (void *)which);
        if (way == 2) exec_self(ways[way]);
        pthread_create(&thread, NULL, exec_self, ways[way]);
        if (way == 1) pthread_exit(NULL);
        sit(0);
      }
      tell_child("child", child, 0);
    }
  }
  return 0;
}
