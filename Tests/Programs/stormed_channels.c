// Channels are made, used and closed by several threads while timers fire as fast as they can, a sibling stops and
// continues the process, and numbered signals are queued to it: no result, no byte, no signal and no bit of the mask
// is lost.
#include "channels.h"

enum { THREADS = 4, ROUNDS = 60, QUEUED = 400, STOPS = 60, MOST_FIRED = 800 };

static atomic_int fired, queued, disordered;
static atomic_long sum;
static atomic_bool *go;
static timer_t timer;
static _Thread_local volatile bool inside;

static void fire(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  int saved = errno;
  if (info->si_code == SI_TIMER && info->si_value.sival_int != 4711) atomic_fetch_add(&disordered, 1);
  int place = atomic_fetch_add(&fired, 1);
  // A machine that is slow may do nothing but handle signals: the storm ends by count.
  if (place == MOST_FIRED) timer_settime(timer, 0, &(struct itimerspec){0}, NULL);
  // Calls of its own, in the middle of the others'.
  char byte = 'x', got = 0;
  int ends[2];
  if (!inside && place % 8 == 0) {
    inside = true;
    if (pipe2(ends, O_CLOEXEC) == 0) {
      if (write(ends[1], &byte, 1) != 1 || read(ends[0], &got, 1) != 1 || got != byte) atomic_fetch_add(&disordered, 1);
      close(ends[0]);
      close(ends[1]);
    } else {
      atomic_fetch_add(&disordered, 1);
    }
    inside = false;
  }
  errno = saved;
}

static void take(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  if (info->si_code != SI_QUEUE) return;
  atomic_fetch_add(&sum, info->si_value.sival_int);
  atomic_fetch_add(&queued, 1);
}

static bool mask_is(const sigset_t *expected) {
  sigset_t now;
  return sigprocmask(SIG_SETMASK, NULL, &now) == 0 && memcmp(&now, expected, 8) == 0;
}

// As channels_work, the mask looked at after each call. With `restarts` no call may fail with EINTR.
static void *work(void *argument) {
  unsigned salt = (unsigned)(uintptr_t)argument;
  sigset_t mine;
  sigemptyset(&mine);
  sigaddset(&mine, SIGUSR2);
  sigaddset(&mine, SIGRTMIN + 5 + (int)salt);
  demand(pthread_sigmask(SIG_BLOCK, &mine, NULL) == 0 && sigprocmask(SIG_SETMASK, NULL, &mine) == 0);
  const char *wrong = NULL;
  for (unsigned i = 0; i < ROUNDS && !wrong; i++) {
    int ends[2], pair[2];
    uint64_t count = i + 1, got = 0;
    char sent[32], back[32];
    memset(sent, (int)(salt + i), sizeof sent);
#define NEED(what, condition)                                                 \
  if (!wrong && !(condition)) wrong = what;                                   \
  if (!wrong && !mask_is(&mine)) wrong = "the mask after " what
    NEED("pipe2", pipe2(ends, i & 1 ? O_CLOEXEC : 0) == 0);
    NEED("write", write(ends[1], sent, sizeof sent) == sizeof sent);
    NEED("read", read(ends[0], back, sizeof back) == sizeof back && memcmp(sent, back, sizeof sent) == 0);
    int counter = eventfd(0, EFD_NONBLOCK);
    NEED("eventfd", counter >= 0);
    NEED("eventfd's write", write(counter, &count, 8) == 8);
    NEED("eventfd's read", read(counter, &got, 8) == 8 && got == count);
    NEED("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    NEED("send", send(pair[0], sent, sizeof sent, 0) == sizeof sent);
    NEED("recv", recv(pair[1], back, sizeof back, MSG_WAITALL) == sizeof back);
    int copy = dup(ends[0]);
    NEED("dup", copy >= 0);
    NEED("close", close(ends[1]) == 0);
    NEED("the end", read(copy, back, 1) == 0);
    NEED("close", close(ends[0]) == 0 && close(copy) == 0 && close(counter) == 0);
    NEED("close", close(pair[0]) == 0 && close(pair[1]) == 0);
  }
  if (wrong) say("thread %u: %s: %s\n", salt, wrong, strerrorname_np(errno));
  return NULL;
}

static void storm(const char *name, int flags, long interval, bool stops, bool by_cpu) {
  atomic_store(&fired, 0);
  atomic_store(&queued, 0);
  atomic_store(&sum, 0);
  atomic_store(&disordered, 0);
  atomic_store(go, false);
  struct sigaction action = {.sa_sigaction = fire, .sa_flags = SA_SIGINFO | flags};
  sigaction(SIGRTMIN, &action, NULL);
  action.sa_sigaction = take;
  sigaction(SIGRTMIN + 1, &action, NULL);
  pid_t self = getpid();
  // Before the threads, so that it inherits no end of their pipes.
  pid_t sender = fork();
  if (sender == 0) {
    alarm(50);
    while (!atomic_load(go)) nap();
    for (int i = 1; i <= QUEUED; i++) {
      while (sigqueue(self, SIGRTMIN + 1, (union sigval){.sival_int = i}) != 0) sched_yield();
      if (stops && i % (QUEUED / STOPS) == 0) {
        kill(self, SIGSTOP);
        if (i % 4 == 0) sched_yield();
        kill(self, SIGCONT);
      }
    }
    _exit(0);
  }
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++) threads[i] = start(work, (void *)i);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 4711};
  demand(timer_create(by_cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec often = {.it_value = {0, interval}, .it_interval = {0, interval}};
  demand(timer_settime(timer, 0, &often, NULL) == 0);
  atomic_store(go, true);
  int status = -1;
  while (waitpid(sender, &status, 0) < 0 && errno == EINTR) continue;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  // A timer that runs by processor time needs some.
  for (int64_t end = now_ms() + 20000; atomic_load(&fired) == 0 && now_ms() < end;) continue;
  timer_delete(timer);
  for (int64_t end = now_ms() + 20000; atomic_load(&queued) < QUEUED && now_ms() < end;) nap();
  say("%s: sender %d, fired %d, wrong in handlers %d, queued %d, sum right %d\n", name, status, atomic_load(&fired) > 0,
      atomic_load(&disordered), atomic_load(&queued), atomic_load(&sum) == (long)QUEUED * (QUEUED + 1) / 2);
}

int main(void) {
  alarm(60);
  go = shared(sizeof *go);
  storm("1 kHz, restarting", SA_RESTART, 1000000, false, false);
  storm("5 kHz, restarting", SA_RESTART, 200000, false, false);
  storm("5 kHz", 0, 200000, false, false);
  storm("processor time", SA_RESTART, 1000000, false, true);
  storm("stops and continues", SA_RESTART, 1000000, true, false);
  storm("stops and continues, 3 kHz", SA_RESTART | SA_NODEFER, 333333, true, false);
  return 0;
}
