// Signals that are waited for instead of handled: signalfd's records, sigwaitinfo, sigtimedwait, sigsuspend
// and a thread's own.
#include "program.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>

static void *thread_waits(void *flag) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  atomic_store((atomic_int *)flag, gettid());
  int got = 0;
  sigwait(&set, &got);
  return (void *)(intptr_t)got;
}

static void ignore_it(int number) { say("handled %s\n", signal_name(number)); }

int main(void) {
  alarm(60);
  sigset_t set;
  sigemptyset(&set);
  const int waited[] = {SIGUSR1, SIGUSR2, SIGCHLD, SIGRTMIN, SIGRTMIN + 1, SIGINT, SIGTRAP, SIGTSTP, SIGCONT};
  for (size_t i = 0; i < sizeof waited / sizeof *waited; i++) sigaddset(&set, waited[i]);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  say("signalfd is %d\n", fd);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 6});
  kill(getpid(), SIGUSR1);
  raise(SIGUSR2);
  kill(getpid(), SIGTRAP);
  pid_t child = fork();
  if (child == 0) {
    sigset_t none;
    sigpending(&none);
    // What is pending is the parent's.
    _exit(sigismember(&none, SIGUSR1) + 2);
  }
  demand(waitid(P_PID, child, NULL, WEXITED | WNOWAIT) == 0);
  struct signalfd_siginfo info;
  while (read(fd, &info, sizeof info) == sizeof info)
    say("signalfd: %s code %d int %d status %d, from self %d, from the child %d\n", signal_name(info.ssi_signo),
        info.ssi_code, info.ssi_int, info.ssi_status, info.ssi_pid == (unsigned)getpid(),
        info.ssi_pid == (unsigned)child);
  tell("then", -1);
  tell_child("child", child, 0);
  // One that comes while poll waits for it.
  child = fork();
  if (child == 0) {
    until_asleep(getppid());
    sigqueue(getppid(), SIGRTMIN + 1, (union sigval){.sival_int = 9});
    for (;;) pause();
  }
  struct pollfd entry = {fd, POLLIN, 0};
  tell("poll", poll(&entry, 1, 20000));
  demand(read(fd, &info, sizeof info) == sizeof info);
  say("signalfd: %s int %d\n", signal_name(info.ssi_signo), info.ssi_int);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  siginfo_t told;
  say("sigwaitinfo: %s\n", signal_name(sigwaitinfo(&set, &told)));
  tell("sigtimedwait", sigtimedwait(&set, &told, &(struct timespec){0, 1000000}));
  // A blocked stop signal is pending until it is waited for.
  kill(getpid(), SIGTSTP);
  say("sigwaitinfo: %s\n", signal_name(sigwaitinfo(&set, &told)));
  atomic_int tid = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, thread_waits, &tid);
  while (!atomic_load(&tid)) nap();
  until_asleep(tid);
  kill(getpid(), SIGUSR1);
  void *got;
  pthread_join(thread, &got);
  say("sigwait in a thread: %s\n", signal_name((intptr_t)got));
  signal(SIGUSR2, ignore_it);
  sigset_t open_set = set;
  sigdelset(&open_set, SIGUSR2);
  raise(SIGUSR2);
  tell("sigsuspend", sigsuspend(&open_set));
  // tgkill to a thread that is gone, and to a process that never was.
  tell("tgkill", syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
  tell("kill", kill(0x7FFFFFF0, 0));
  return 0;
}
