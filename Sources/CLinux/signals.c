// The signals that come to the tracer, and waiting for tracees beside them.
//
// wait4 itself is what the tracer sleeps in: SIGCHLD for each stop would be sent, queued and taken for nothing. So all signals are
// blocked but those that mean us: from the first wait on a handler notes them. A signal that comes after the last look and before
// wait4 sleeps would wait for the next stop; the handler starts a ticker, which interrupts wait4 until the signal has been taken.
// The handler must not jump out of wait4: a status taken already would be lost. Other calls of the tracer may be interrupted as
// well; of those that it makes between two stops only growing the trace minds (see ChunkFile), and blocks them for itself.
#define _GNU_SOURCE
#include "clinux.h"
#include "surroundings.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TAKEN = 7, NOTED = 64 };
static const int64_t usual_tick = 2000000;

static const int taken[TAKEN] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
static struct sigaction original_actions[TAKEN];
static struct sigaction original_tick_action;
// What waits behind the mask, what wait4 lets through, and what is dropped.
static sigset_t blocked, let_through, unwanted;
static sigset_t original_mask;
static struct sigaction original_child_action;
static struct sigaction original_size_action;
static struct sigaction original_bus_action;
static struct rlimit original_files;

// MARK: Noting

// A ring, written by the handler and read by the one thread that calls clinux_wait, which runs the handler, too.
static volatile struct {
  int number;
  pid_t sender;
} noted[NOTED];
static volatile unsigned first, end;

static timer_t ticker;
static bool has_ticker;
static volatile int64_t period;

static void start_ticker(int64_t time) {
  period = time;
  struct timespec every = {time / 1000000000, time % 1000000000};
  struct itimerspec setting = {every, every};
  timer_settime(ticker, 0, &setting, NULL);
}

static void note(int number, siginfo_t *info, void *context) {
  (void)context;
  int before = errno;
  if (end - first < NOTED) {
    noted[end % NOTED].number = number;
    noted[end % NOTED].sender = info->si_code <= 0 ? info->si_pid : 0;
    end++;
  }
  if (has_ticker && period == 0) start_ticker(usual_tick);
  errno = before;
}

static void ignore_tick(int number) { (void)number; }

static bool are_let_through;

static void let_signals_through(void) {
  if (!are_let_through) pthread_sigmask(SIG_UNBLOCK, &let_through, NULL);
  are_let_through = true;
}

void clinux_hold_signals(void) {
  if (are_let_through) pthread_sigmask(SIG_BLOCK, &let_through, NULL);
  are_let_through = false;
}

int clinux_has_signal(void) { return first != end; }

int clinux_next_signal(pid_t *sender) {
  *sender = 0;
  if (first == end) {
    let_signals_through();
    // Others would count against the limit of signals that wait (RLIMIT_SIGPENDING), which is the targets' as well.
    struct timespec none = {0, 0};
    while (sigtimedwait(&unwanted, NULL, &none) > 0) continue;
  }
  if (first == end) return 0;
  *sender = noted[first % NOTED].sender;
  return noted[first++ % NOTED].number;
}

// MARK: Waiting

pid_t clinux_poll(int *status) {
  pid_t pid;
  do {
    pid = (pid_t)syscall(SYS_wait4, -1, status, WNOHANG | __WALL, NULL);
  } while (pid < 0 && errno == EINTR);
  return pid < 0 ? -errno : pid;
}

// Without a ticker (RLIMIT_SIGPENDING is used up): a look each millisecond.
static pid_t wait_by_looking(int *status) {
  pid_t pid = clinux_poll(status);
  if (pid != 0) return pid;
  let_signals_through();
  struct timespec pause = {0, 1000000};
  nanosleep(&pause, NULL);
  return clinux_poll(status);
}

pid_t clinux_wait(int *status) {
  if (!has_ticker) return wait_by_looking(status);
  let_signals_through();
  if (first != end) return 0;
  pid_t pid = (pid_t)syscall(SYS_wait4, -1, status, __WALL, NULL);
  if (pid > 0) return pid;
  return errno == EINTR ? 0 : -errno;
}

void clinux_tick(int64_t time) {
  if (!has_ticker || time == period) return;
  // Not while the handler may start it.
  clinux_hold_signals();
  start_ticker(time);
}

// MARK: Before and after

static volatile sig_atomic_t lost_pages;

// The file under the trace's window was cut: the page becomes memory of ours, so that the program goes on.
static void replace_lost_page(int number, siginfo_t *info, void *context) {
  (void)context;
  if (info->si_code <= 0) return;
  void *page = (void *)((uintptr_t)info->si_addr & ~(uintptr_t)4095);
  if (mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    signal(number, SIG_DFL);
  lost_pages = 1;
}

int clinux_has_lost_pages(void) { return lost_pages; }

void clinux_block_signals(void) {
  // All of them: a target may send any signal to its process group, which is ours as well. Faults are delivered all the same.
  sigfillset(&blocked);
  sigdelset(&blocked, SIGBUS);
  sigprocmask(SIG_BLOCK, &blocked, &original_mask);
  // A program may be given few descriptors; ours are besides those.
  getrlimit(RLIMIT_NOFILE, &original_files);
  struct rlimit files = original_files;
  if (files.rlim_cur < 4096) {
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  struct sigaction guard = {.sa_sigaction = replace_lost_page, .sa_flags = SA_SIGINFO};
  sigaction(SIGBUS, &guard, &original_bus_action);
  // An inherited SIG_IGN would make the kernel reap children unseen. Of stops wait4 alone tells (Linux 6.1, kernel/signal.c,
  // do_notify_parent_cldstop).
  struct sigaction standard = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGCHLD, &standard, &original_child_action);
  // The trace may grow beyond the user's RLIMIT_FSIZE: that is EFBIG to us, not our death.
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGXFSZ, &ignore, &original_size_action);

  // Without SA_RESTART: wait4 is to return.
  struct sigaction noting = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigfillset(&noting.sa_mask);
  sigemptyset(&let_through);
  unwanted = blocked;
  for (int i = 0; i < TAKEN; i++) {
    sigaction(taken[i], &noting, &original_actions[i]);
    sigaddset(&let_through, taken[i]);
    sigdelset(&unwanted, taken[i]);
  }
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMAX};
  struct sigaction ticking = {.sa_handler = ignore_tick};
  sigfillset(&ticking.sa_mask);
  sigaction(SIGRTMAX, &ticking, &original_tick_action);
  sigaddset(&let_through, SIGRTMAX);
  sigdelset(&unwanted, SIGRTMAX);
  period = 0;
  has_ticker = timer_create(CLOCK_MONOTONIC, &event, &ticker) == 0;
}

static void give_back_actions(void) {
  sigaction(SIGCHLD, &original_child_action, NULL);
  sigaction(SIGXFSZ, &original_size_action, NULL);
  for (int i = 0; i < TAKEN; i++) sigaction(taken[i], &original_actions[i], NULL);
  sigaction(SIGRTMAX, &original_tick_action, NULL);
}

void clinux_give_back(void) {
  give_back_actions();
  sigaction(SIGBUS, &original_bus_action, NULL);
  setrlimit(RLIMIT_NOFILE, &original_files);
  sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

void clinux_restore_signals(void) {
  if (has_ticker) timer_delete(ticker);
  has_ticker = false;
  // What came for the programs, or of their ends, is not for what follows.
  struct timespec none = {0, 0};
  while (sigtimedwait(&blocked, NULL, &none) > 0) continue;
  first = end;
  give_back_actions();
  sigprocmask(SIG_SETMASK, &original_mask, NULL);
  are_let_through = false;
}

// MARK: Stopping and dying as others do

void clinux_stop_by(int number) {
  clinux_hold_signals();
  if (number == SIGSTOP) {
    kill(getpid(), number);
    return;
  }
  // For this moment it does what it would do to a process that takes no notice. The program's stop is what the shell is to see.
  struct sigaction noting;
  for (int i = 0; i < TAKEN; i++)
    if (taken[i] == number) sigaction(number, &original_actions[i], &noting);
  kill(getpid(), number);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  pthread_sigmask(SIG_UNBLOCK, &only, NULL);
  pthread_sigmask(SIG_BLOCK, &only, NULL);
  for (int i = 0; i < TAKEN; i++)
    if (taken[i] == number) sigaction(number, &noting, NULL);
}

void clinux_die_by(int number) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  signal(number, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  sigprocmask(SIG_UNBLOCK, &only, NULL);
  kill(getpid(), number);
}
