// Busy in all ways at once, for who attaches and lets go: threads and children come and go, bytes and signals go
// round, and each is counted. Says "going", works until a line comes, and tells what went wrong: nothing.
#include "program.h"

#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>

static atomic_int is_ending, wrong, rounds[7];
static pthread_t receiver;

#define right(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      atomic_fetch_add(&wrong, 1);                                            \
      say("line %d: %s does not hold: %m\n", __LINE__, #condition);           \
    }                                                                         \
  } while (0)

static void *nothing(void *argument) { return argument; }

static void *make_threads(void *unused) {
  for (; !atomic_load(&is_ending); atomic_fetch_add(&rounds[0], 1)) {
    pthread_t threads[3];
    for (long i = 0; i < 3; i++) right(pthread_create(&threads[i], NULL, nothing, (void *)i) == 0);
    for (long i = 0; i < 3; i++) {
      void *result;
      right(pthread_join(threads[i], &result) == 0 && result == (void *)i);
    }
  }
  return unused;
}

static void *fork_children(void *unused) {
  for (int i = 0; !atomic_load(&is_ending); i++, atomic_fetch_add(&rounds[1], 1)) {
    pid_t child = fork();
    if (child == 0) _exit(i & 127);
    int status = -1;
    right(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == (i & 127));
  }
  return unused;
}

static void *spawn_children(void *unused) {
  char *arguments[] = {"true", NULL};
  for (; !atomic_load(&is_ending); atomic_fetch_add(&rounds[2], 1)) {
    pid_t child;
    int status = -1;
    right(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, NULL) == 0);
    right(waitpid(child, &status, 0) == child && status == 0);
  }
  return unused;
}

static int there[2], back[2];

static void *echo(void *unused) {
  int number;
  while (read(there[0], &number, sizeof number) == sizeof number && number >= 0)
    right(write(back[1], &number, sizeof number) == sizeof number);
  return unused;
}

static void *ask(void *unused) {
  int number = 0;
  for (int answer; !atomic_load(&is_ending); number++, atomic_fetch_add(&rounds[3], 1)) {
    right(write(there[1], &number, sizeof number) == sizeof number);
    right(read(back[0], &answer, sizeof answer) == sizeof answer && answer == number);
  }
  number = -1;
  right(write(there[1], &number, sizeof number) == sizeof number);
  return unused;
}

static void *receive(void *unused) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMAX);
  for (int expected = 0;; expected++) {
    siginfo_t info;
    right(sigwaitinfo(&set, &info) == SIGRTMAX);
    if (info.si_value.sival_int < 0) return unused;
    right(info.si_value.sival_int == expected);
    atomic_store(&rounds[4], expected + 1);
  }
}

static void *send_signals(void *unused) {
  for (int number = 0; !atomic_load(&is_ending);) {
    // A queue has a limit.
    if (number - atomic_load(&rounds[4]) > 100) nap();
    else right(pthread_sigqueue(receiver, SIGRTMAX, (union sigval){.sival_int = number++}) == 0);
  }
  right(pthread_sigqueue(receiver, SIGRTMAX, (union sigval){.sival_int = -1}) == 0);
  return unused;
}

static void *time_out(void *unused) {
  int instance = epoll_create1(EPOLL_CLOEXEC);
  for (; !atomic_load(&is_ending); atomic_fetch_add(&rounds[5], 1)) {
    right(epoll_wait(instance, &(struct epoll_event){0}, 1, 1) == 0);
    right(poll(NULL, 0, 1) == 0);
  }
  close(instance);
  return unused;
}

static void *burn(void *unused) {
  for (; !atomic_load(&is_ending); atomic_fetch_add(&rounds[6], 1))
    for (volatile int i = 0; i < 100000; i++) continue;
  return unused;
}

int main(void) {
  void *(*const work[])(void *) = {
      make_threads, fork_children, spawn_children, echo, ask, send_signals, time_out, burn};
  enum { COUNT = sizeof work / sizeof *work };
  pthread_t threads[COUNT];
  sigset_t set;
  alarm(120);
  demand(pipe(there) == 0 && pipe(back) == 0);
  sigemptyset(&set);
  sigaddset(&set, SIGRTMAX);
  // Not blocked it wakes threads natively, too.
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  demand(pthread_create(&receiver, NULL, receive, NULL) == 0);
  for (int i = 0; i < COUNT; i++) demand(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
  for (int i = 0; i < 7; i++)
    while (atomic_load(&rounds[i]) < 2) nap();
  say("going\n");
  char line[16];
  right(read(0, line, sizeof line) > 0);
  atomic_store(&is_ending, 1);
  for (int i = 0; i < COUNT; i++) demand(pthread_join(threads[i], NULL) == 0);
  demand(pthread_join(receiver, NULL) == 0);
  say("wrong: %d\n", atomic_load(&wrong));
  return 0;
}
