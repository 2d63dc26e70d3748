// Signals keep their number, order, code, sender and value: real-time ones queue in order, others merge, and
// a timer's, a thread's, a child's and a queued signal each carry their own siginfo (sigaction(2)).
#include "program.h"

#include <pthread.h>

static int order;

static void told(int number, siginfo_t *info, void *context) {
  (void)context;
  say("%d: %s code %d value %d", order++, signal_name(number), info->si_code, info->si_value.sival_int);
  if (info->si_code <= 0 && info->si_code != SI_TIMER)
    say(" from %s uid %d", info->si_pid == getpid() ? "self" : info->si_pid == getppid() ? "parent" : "other",
        info->si_uid == getuid());
  if (number == SIGCHLD) say(" status %d", info->si_status);
  say("\n");
}

static void *wait_here(void *flag) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  siginfo_t info;
  atomic_store((atomic_int *)flag, gettid());
  int got = sigwaitinfo(&set, &info);
  say("thread: %s code %d, sender is self %d\n", signal_name(got), info.si_code, info.si_pid == getpid());
  return NULL;
}

int main(void) {
  alarm(60);
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, SIGALRM);
  sigprocmask(SIG_SETMASK, &all, &old);
  struct sigaction action = {.sa_sigaction = told, .sa_flags = SA_SIGINFO};
  sigfillset(&action.sa_mask);
  for (int number = SIGRTMIN; number <= SIGRTMIN + 3; number++) sigaction(number, &action, NULL);
  const int others[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGURG, SIGWINCH,
                        SIGCHLD, SIGTRAP, SIGCONT};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) sigaction(others[i], &action, NULL);
  pid_t self = getpid();
  for (int value = 0; value < 40; value++)
    sigqueue(self, SIGRTMIN + 3 - value % 4, (union sigval){.sival_int = value});
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (others[i] == SIGCHLD) continue;
    kill(self, others[i]);
    // Merged with the pending one: not queued a second time.
    sigqueue(self, others[i], (union sigval){.sival_int = 77});
  }
  siginfo_t forged;
  memset(&forged, 0, sizeof forged);
  forged.si_code = -60;
  forged.si_value.sival_int = 4711;
  tell("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, self, SIGRTMIN, &forged));
  tell("rt_tgsigqueueinfo", syscall(SYS_rt_tgsigqueueinfo, self, gettid(), SIGRTMIN + 1, &forged));
  tell("tgkill", syscall(SYS_tgkill, self, gettid(), SIGRTMIN + 2));
  sigprocmask(SIG_SETMASK, &old, NULL);
  sigprocmask(SIG_SETMASK, &all, NULL);
  pid_t child = fork();
  if (child == 0) {
    kill(getppid(), SIGUSR1);
    _exit(7);
  }
  sigset_t most = all;
  siginfo_t info;
  demand(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0);
  sigdelset(&most, SIGUSR1);
  sigdelset(&most, SIGCHLD);
  // Both are pending; the lower number comes first, and both handlers run before the mask comes back.
  sigprocmask(SIG_SETMASK, &most, NULL);
  sigprocmask(SIG_SETMASK, &all, NULL);
  tell_child("child", child, 0);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 99};
  demand(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec soon = {.it_value = {0, 1}};
  timer_settime(timer, 0, &soon, NULL);
  sigdelset(&most, SIGRTMIN);
  sigsuspend(&most);
  atomic_int thread_id = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, wait_here, &thread_id);
  while (!atomic_load(&thread_id)) nap();
  until_asleep(thread_id);
  pthread_kill(thread, SIGUSR2);
  pthread_join(thread, NULL);
  return 0;
}
