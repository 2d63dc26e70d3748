// Timers fire thousands of times a second into reads, sleeps and a loop of calls: with SA_RESTART no read
// fails, a sleep ends with EINTR and less time left, nothing is lost and no call comes back with a kernel's
// own error number.
#include "program.h"

#include <poll.h>
#include <sys/time.h>

static volatile sig_atomic_t fired;
static void fire(int number) {
  (void)number;
  fired++;
}

int main(void) {
  alarm(60);
  struct sigaction action = {.sa_handler = fire, .sa_flags = SA_RESTART};
  sigaction(SIGVTALRM, &action, NULL);
  sigaction(SIGRTMIN, &action, NULL);
  int ends[2];
  demand(pipe(ends) == 0);
  pid_t writer = fork();
  if (writer == 0) {
    for (int i = 0; i < 100; i++) {
      nap();
      demand(write(ends[1], "x", 1) == 1);
    }
    _exit(0);
  }
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  demand(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec often = {.it_value = {0, 1000000}, .it_interval = {0, 1000000}};
  demand(timer_settime(timer, 0, &often, NULL) == 0);
  int wrong = 0;
  char byte;
  for (int i = 0; i < 100; i++) wrong += read(ends[0], &byte, 1) != 1;
  say("reads that failed: %d\n", wrong);
  tell_child("writer", writer, 0);
  // A sleep that goes on with what was left comes to its end, and not before its time.
  struct timespec left = {0, 50000000};
  int64_t begun = now_ms();
  int interrupted = 0;
  while (nanosleep(&left, &left) != 0) {
    if (errno != EINTR || left.tv_sec != 0) wrong++;
    interrupted++;
  }
  say("sleep: interrupted %d, wrong %d, long enough %d\n", interrupted > 3, wrong, now_ms() - begun >= 49);
  wrong = 0;
  for (int i = 0; i < 300; i++) {
    int result = poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 1);
    if (result != 0 && !(result < 0 && errno == EINTR)) wrong++;
    if (getppid() <= 0 || write(ends[1], "y", 1) != 1 || read(ends[0], &byte, 1) != 1) wrong++;
  }
  say("wrong results: %d\n", wrong);
  timer_delete(timer);
  say("fired: %d\n", fired > 100);
  // Real-time signals queue: none is lost while the receiver is in calls.
  fired = 0;
  pid_t sender = fork();
  if (sender == 0) {
    for (int i = 0; i < 500; i++) {
      while (sigqueue(getppid(), SIGRTMIN, (union sigval){.sival_int = i}) != 0) sched_yield();
    }
    _exit(0);
  }
  while (fired < 500) poll(NULL, 0, 10);
  tell_child("sender", sender, 0);
  say("queued: %d\n", fired);
  return 0;
}
