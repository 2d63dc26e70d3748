// Timeouts run on while ignored signals come: epoll_wait, sigtimedwait and recv with SO_RCVTIMEO end when
// their time is up, in the midst of a storm of SIGCHLD and SIGWINCH that nobody handles.
#include "blocking_calls.h"

static atomic_int *round_now;

// Sends from the moment that a round begins to its end, but for no longer than a second: a call that begins anew
// with each signal comes to an end too.
static pid_t storm(void) {
  pid_t sender = fork();
  if (sender != 0) return sender;
  alarm(40);
  for (int seen = 0;;) {
    int round = atomic_load(round_now);
    if (round < 0) _exit(0);
    if (round == seen) {
      nap();
      continue;
    }
    seen = round;
    for (int64_t end = now_ms() + 1000; atomic_load(round_now) == seen && now_ms() < end; nap()) {
      kill(getppid(), SIGWINCH);
      kill(getppid(), SIGCHLD);
    }
  }
}

// Tells whether the call ended in its 200 ms, or much too late.
#define timed(name, call)                                                                                      \
  do {                                                                                                         \
    atomic_fetch_add(round_now, 1);                                                                            \
    int64_t begun = now_ms();                                                                                  \
    long result = call;                                                                                        \
    int error = errno;                                                                                         \
    int64_t took = now_ms() - begun;                                                                           \
    say("%s: %s, %s\n", name, result < 0 ? strerrorname_np(error) : result ? "ready" : "0",                    \
        took < 199 ? "too early" : took > 800 ? "too late" : "in time");                                       \
  } while (0)

int main(void) {
  alarm(60);
  round_now = shared(sizeof *round_now);
  demand(pipe(ends) == 0);
  sigemptyset(&quiet);
  sigaddset(&quiet, SIGRTMAX);
  sigprocmask(SIG_BLOCK, &quiet, NULL);
  int instance = watching();
  pid_t sender = storm();
  struct epoll_event event;
  struct timespec time = {0, 200000000};
  struct timeval short_time = {0, 200000};
  demand(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  demand(setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time) == 0);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  timed("epoll_wait", epoll_wait(instance, &event, 1, 200));
  timed("epoll_pwait2", syscall(SYS_epoll_pwait2, instance, &event, 1, &time, NULL, 8));
  timed("sigtimedwait", sigtimedwait(&quiet, NULL, &time));
  timed("recv", recv(sockets[0], big, 1, 0));
  timed("poll", poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 200));
  timed("nanosleep", nanosleep(&time, NULL));
  timed("futex", syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0));
  timed("select", select(ends[0] + 1, &set, NULL, NULL, &short_time));
  // Signals as fast as they can be sent, at every point of a call's way out of the kernel and back into it.
  atomic_fetch_add(round_now, 1);
  demand(setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 1000}, sizeof(struct timeval)) == 0);
  int wrong = 0;
  pid_t faster = fork();
  if (faster == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) kill(getppid(), SIGURG), kill(getppid(), SIGWINCH);
  }
  for (int i = 0; i < 100; i++) {
    if (recv(sockets[0], big, 1, 0) != -1 || errno != EAGAIN) wrong++;
    if (epoll_wait(instance, &event, 1, 1) != 0) wrong++;
    if (read(sockets[0], big, 1) != -1 || errno != EAGAIN) wrong++;
  }
  kill(faster, SIGKILL);
  tell_child("faster sender", faster, 0);
  say("wrong results: %d\n", wrong);
  atomic_store(round_now, -1);
  tell_child("sender", sender, 0);
  return 0;
}
