// Threads sleep in calls of every kind while another thread makes channels, so that a filter comes over them in their
// sleep: no call ends before its time, with EINTR or at all; one that a handler interrupts starts again or fails as
// it should; and each ends with the right result in the end.
#include "channels.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/timerfd.h>

enum { CHANNELS = 30 };

static int pipes[12][2], sockets[2], files[2], semaphores, child_pipe[2];
static uint32_t word;
static pid_t child;

static long in_read(void) { char byte = 0; return read(pipes[0][0], &byte, 1) == 1 ? byte : -1; }
static long in_poll(void) { return poll(&(struct pollfd){pipes[1][0], POLLIN, 0}, 1, -1); }
static long in_poll_for(void) { return poll(&(struct pollfd){pipes[2][0], POLLIN, 0}, 1, 30000); }
static long in_select(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(pipes[3][0], &set);
  return select(pipes[3][0] + 1, &set, NULL, NULL, &(struct timeval){30, 0});
}
static long in_epoll_wait(void) {
  int instance = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  demand(epoll_ctl(instance, EPOLL_CTL_ADD, pipes[4][0], &event) == 0);
  return epoll_wait(instance, &event, 1, 30000);
}
static long in_futex(void) {
  long result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
  return result < 0 && errno == EAGAIN ? 0 : result;
}
static long in_wait4(void) { int status; return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : -1; }
static long in_recv(void) { char byte = 0; return recv(sockets[0], &byte, 1, 0) == 1 ? byte : -1; }
static long in_flock(void) { return flock(files[1], LOCK_EX); }
static long in_semop(void) { return semop(semaphores, &(struct sembuf){0, -1, 0}, 1); }
static long in_eventfd(void) { uint64_t value = 0; return read(pipes[5][0], &value, 8) == 8 ? (long)value : -1; }
static long in_write(void) { static char much[200000]; return write(pipes[6][1], much, sizeof much); }
static long in_sigwait(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  return sigtimedwait(&set, NULL, &(struct timespec){30, 0});
}
// Ends by itself, not before its time.
static long in_nanosleep(void) {
  int64_t begun = now_ms();
  struct timespec left = {0, 0};
  int result = nanosleep(&(struct timespec){1, 0}, &left);
  if (result == 0) return now_ms() - begun >= 999 ? 1 : -2;
  return left.tv_sec == 0 && left.tv_nsec > 0 ? (errno = EINTR, -1) : -3;
}
static long in_poll_timeout(void) {
  int64_t begun = now_ms();
  int result = poll(&(struct pollfd){pipes[7][0], POLLIN, 0}, 1, 1000);
  return result == 0 ? (now_ms() - begun >= 999 ? 0 : -2) : result;
}

struct wait {
  const char *name;
  long (*call)(void);
  // What a handler makes of it: with SA_RESTART some go on, none without (signal(7)).
  bool restarts;
  bool is_timed;
  _Atomic pid_t tid;
  long result;
  int error;
  atomic_bool returned;
};

#define WAIT(name, restarts, timed) {#name, in_##name, restarts, timed, 0, 0, 0, false}
static const struct wait all[] = {
    WAIT(read, true, false),   WAIT(poll, false, false),   WAIT(poll_for, false, false), WAIT(select, false, false),
    WAIT(epoll_wait, false, false), WAIT(futex, true, false), WAIT(wait4, true, false),  WAIT(recv, true, false),
    WAIT(flock, true, false),  WAIT(semop, false, false),  WAIT(eventfd, true, false),   WAIT(write, true, false),
    WAIT(sigwait, false, false), WAIT(nanosleep, false, true), WAIT(poll_timeout, false, true),
};
enum { WAITS = sizeof all / sizeof *all };

static atomic_int handled;
static void handle(int number) {
  (void)number;
  atomic_fetch_add(&handled, 1);
}

static void *sleep_in(void *argument) {
  struct wait *wait = argument;
  atomic_store(&wait->tid, gettid());
  errno = 0;
  wait->result = wait->call();
  wait->error = errno;
  atomic_store(&wait->returned, true);
  return NULL;
}

static void *end_much(void *unused) {
  static char much[4096];
  for (int left = 200000; left > 0;) {
    ssize_t got = read(pipes[6][0], much, sizeof much);
    if (got <= 0) break;
    left -= (int)got;
  }
  return unused;
}

static void round_of(const char *name, bool signals, int flags) {
  struct wait waits[WAITS];
  memcpy(waits, all, sizeof waits);
  for (int i = 0; i < 12; i++) {
    if (i == 5) pipes[5][0] = pipes[5][1] = eventfd(0, 0);
    else demand(pipe2(pipes[i], O_CLOEXEC) == 0);
  }
  demand(pipe2(child_pipe, O_CLOEXEC) == 0);
  demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  files[0] = memfd_create("lock", MFD_CLOEXEC);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", files[0]);
  files[1] = open(path, O_RDWR | O_CLOEXEC);
  demand(files[1] >= 0 && flock(files[0], LOCK_EX) == 0);
  word = 0;
  child = fork();
  if (child == 0) {
    char byte;
    alarm(40);
    close(child_pipe[1]);
    _exit(read(child_pipe[0], &byte, 1) == 1 ? 7 : 8);
  }
  struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
  sigaction(SIGUSR1, &action, NULL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  // A thread that blocks all signals for an instant, as pthread_create does, has the kernel give another one the SIGCHLD
  // that it would drop otherwise, and a write then ends short.
  sigaddset(&set, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t threads[WAITS];
  for (int i = 0; i < WAITS; i++) threads[i] = start(sleep_in, &waits[i]);
  for (int i = 0; i < WAITS; i++) {
    while (!atomic_load(&waits[i].tid)) nap();
    if (!waits[i].is_timed) until_asleep(waits[i].tid);
  }
  const char *wrong = NULL;
  for (unsigned i = 0; i < CHANNELS && !wrong; i++) {
    wrong = channels_work(i);
    int kept[2];
    // Numbers that were not there before.
    if (i % 3 == 0 && pipe2(kept, O_CLOEXEC) != 0) wrong = "pipe2";
    if (signals && i % 10 == 5) {
      atomic_store(&handled, 0);
      int sent = 0;
      for (int k = 0; k < WAITS; k++)
        if (!waits[k].is_timed && !atomic_load(&waits[k].returned) && waits[k].tid) {
          // Those that do not start again have ended after the first.
          if (i > 5 && !(waits[k].restarts && flags & SA_RESTART)) continue;
          if (waits[k].call == in_write) continue;
          pthread_kill(threads[k], SIGUSR1);
          sent++;
        }
      until(&handled, sent);
      for (int k = 0; k < WAITS; k++)
        if (!waits[k].is_timed && waits[k].restarts && flags & SA_RESTART) until_asleep(waits[k].tid);
    }
  }
  // Those that were interrupted for good are gone; a call that was not is released.
  for (int i = 0; i < WAITS; i++)
    if (!waits[i].is_timed && waits[i].call != in_write && !(signals && !(waits[i].restarts && flags & SA_RESTART)) &&
        atomic_load(&waits[i].returned))
      say("%s: %s came back by itself\n", name, waits[i].name);
  for (int i = 0; i < 5; i++) demand(write(pipes[i][1], "a", 1) == 1);
  demand(write(pipes[5][1], &(uint64_t){5}, 8) == 8);
  demand(write(child_pipe[1], "a", 1) == 1 && send(sockets[1], "b", 1, 0) == 1);
  atomic_store((_Atomic uint32_t *)&word, 1);
  syscall(SYS_futex, &word, FUTEX_WAKE, 100, NULL, NULL, 0);
  flock(files[0], LOCK_UN);
  semop(semaphores, &(struct sembuf){0, 1, 0}, 1);
  for (int i = 0; i < WAITS; i++)
    if (waits[i].call == in_sigwait && !atomic_load(&waits[i].returned)) pthread_kill(threads[i], SIGUSR2);
  pthread_t reader = start(end_much, NULL);
  for (int i = 0; i < WAITS; i++) {
    pthread_join(threads[i], NULL);
    if (waits[i].result < 0) say("%s: %s: %ld %s\n", name, waits[i].name, waits[i].result, strerrorname_np(waits[i].error));
    else say("%s: %s: %ld\n", name, waits[i].name, waits[i].result);
  }
  pthread_join(reader, NULL);
  say("%s: channels: %s\n", name, wrong ? wrong : "work");
  waitpid(child, NULL, 0);
  semctl(semaphores, 0, IPC_RMID);
  close_range(3, ~0U, 0);
}

int main(void) {
  alarm(60);
  round_of("no signals", false, 0);
  round_of("restarting handler", true, SA_RESTART);
  round_of("plain handler", true, 0);
  return 0;
}
