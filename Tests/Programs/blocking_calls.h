// Calls that block for ever or for half a minute, each in a process of its own, for the programs that
// interrupt them in various ways and tell what the call made of it (signal(7), "Interruption of system
// calls").
#ifndef BLOCKING_CALLS_H
#define BLOCKING_CALLS_H

#include "program.h"

#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>

// What the processes share: what the call returned, and whether it did.
struct outcome {
  atomic_int begun, returned, handled;
  long result;
  int error;
  long left_ms;
};

static struct outcome *outcome;
static int ends[2], sockets[2];
// What sigtimedwait waits for, and what ppoll and its like block.
static sigset_t quiet, masked;
static const struct timespec half_minute = {30, 0};
static char big[1 << 20];

static inline void make_pair(int option) {
  demand(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  struct timeval time = {30, 0};
  if (option) demand(setsockopt(sockets[0], SOL_SOCKET, option, &time, sizeof time) == 0);
}

static inline int listener(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  demand(bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)) == 0 && listen(fd, 0) == 0);
  return fd;
}

static inline pid_t sleeper(void) {
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(40);
    for (;;) pause();
  }
  return child;
}

static inline long call_read(void) { return read(ends[0], big, 1); }
static inline long call_readv(void) { return syscall(SYS_readv, ends[0], &(struct iovec){big, 1}, 1); }
static inline long call_write(void) { return write(ends[1], big, sizeof big); }
static inline long call_poll(void) { return poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 30000); }
static inline long call_poll_for_ever(void) { return poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1); }
static inline long call_ppoll(void) { return ppoll(&(struct pollfd){ends[0], POLLIN, 0}, 1, &half_minute, &masked); }
static inline long call_select(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  struct timeval time = {30, 0};
  long result = select(ends[0] + 1, &set, NULL, NULL, &time);
  outcome->left_ms = time.tv_sec * 1000 + time.tv_usec / 1000;
  return result;
}
static inline long call_pselect(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  return pselect(ends[0] + 1, &set, NULL, NULL, &half_minute, &masked);
}
static inline int watching(void) {
  int instance = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  demand(epoll_ctl(instance, EPOLL_CTL_ADD, ends[0], &event) == 0);
  return instance;
}
static inline long call_epoll_wait(void) { return epoll_wait(watching(), &(struct epoll_event){0}, 1, 30000); }
static inline long call_epoll_pwait(void) { return epoll_pwait(watching(), &(struct epoll_event){0}, 1, -1, &masked); }
static inline long call_epoll_pwait2(void) {
  return syscall(SYS_epoll_pwait2, watching(), &(struct epoll_event){0}, 1, &half_minute, &masked, 8);
}
static inline long call_nanosleep(void) {
  struct timespec left = {0, 0};
  long result = nanosleep(&half_minute, &left);
  int error = errno;
  outcome->left_ms = left.tv_sec * 1000 + left.tv_nsec / 1000000;
  errno = error;
  return result;
}
static inline long call_clock_nanosleep(void) {
  errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &half_minute, NULL);
  return errno ? -1 : 0;
}
static inline long call_clock_nanosleep_until(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += 30;
  errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
  return errno ? -1 : 0;
}
static int word;
static inline long call_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0); }
static inline long call_futex_for(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &half_minute, NULL, 0); }
static inline long call_wait4(void) { return waitpid(sleeper(), NULL, 0) > 0; }
static inline long call_waitid(void) { return waitid(P_PID, sleeper(), NULL, WEXITED); }
static inline long call_sigtimedwait(void) { return sigtimedwait(&quiet, NULL, &half_minute); }
static inline long call_sigwaitinfo(void) { return sigwaitinfo(&quiet, NULL); }
static inline long call_recv(void) { make_pair(0); return recv(sockets[0], big, 1, 0); }
static inline long call_recv_for(void) { make_pair(SO_RCVTIMEO); return recv(sockets[0], big, 1, 0); }
static inline long call_recvmsg_for(void) {
  make_pair(SO_RCVTIMEO);
  struct iovec part = {big, 1};
  return recvmsg(sockets[0], &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1}, 0);
}
static inline long call_read_socket_for(void) { make_pair(SO_RCVTIMEO); return read(sockets[0], big, 1); }
static inline long call_send(void) { make_pair(0); return send(sockets[0], big, sizeof big, 0) > 0; }
static inline long call_send_for(void) {
  make_pair(SO_SNDTIMEO);
  while (send(sockets[0], big, 4096, 0) == 4096) continue;
  return -1;
}
static inline long call_write_socket_for(void) {
  make_pair(SO_SNDTIMEO);
  while (write(sockets[0], big, 4096) == 4096) continue;
  return -1;
}
static inline long call_accept(void) { return accept(listener(), NULL, NULL); }
static inline long call_accept_for(void) {
  int fd = listener();
  struct timeval time = {30, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  return accept(fd, NULL, NULL);
}
static inline long call_connect(void) {
  int fd = listener();
  struct sockaddr_un name;
  socklen_t length = sizeof name;
  getsockname(fd, (struct sockaddr *)&name, &length);
  int first = socket(AF_UNIX, SOCK_STREAM, 0);
  demand(connect(first, (struct sockaddr *)&name, length) == 0);
  return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, length);
}
static inline long call_flock(void) {
  int fd = memfd_create("lock", 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  demand(flock(fd, LOCK_EX) == 0);
  return flock(open(path, O_RDWR), LOCK_EX);
}
static inline long call_semop(void) {
  int id = semget(IPC_PRIVATE, 1, 0600);
  struct sembuf down = {0, -1, 0};
  long result = -1;
  int error;
  // The set lives on until it is removed: removed at once it would end the wait.
  result = semop(id, &down, 1);
  error = errno;
  semctl(id, 0, IPC_RMID);
  errno = error;
  return result;
}
static inline mqd_t message_queue(void) {
  char name[32];
  snprintf(name, sizeof name, "/faultline-%d", getpid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
  mq_unlink(name);
  return queue;
}
static inline long call_mq_receive(void) {
  mqd_t queue = message_queue();
  if (queue < 0) return -2;
  return mq_receive(queue, big, sizeof big, NULL);
}
static inline long call_mq_timedreceive(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += 30;
  mqd_t queue = message_queue();
  if (queue < 0) return -2;
  return mq_timedreceive(queue, big, sizeof big, NULL, &time);
}
static inline long call_pause(void) { return pause(); }
static inline long call_sigsuspend(void) { return sigsuspend(&masked); }
static inline long call_read_eventfd(void) { return read(eventfd(0, 0), big, 8); }
static inline long call_read_timerfd(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  timerfd_settime(fd, 0, &(struct itimerspec){.it_value = half_minute}, NULL);
  return read(fd, big, 8);
}
static inline long call_read_inotify(void) { return read(inotify_init1(0), big, 4096); }
static inline long call_read_signalfd(void) { return read(signalfd(-1, &quiet, 0), big, 128); }
static inline long call_splice(void) {
  int out[2];
  demand(pipe(out) == 0);
  return splice(ends[0], NULL, out[1], NULL, 1, 0);
}
static inline long call_io_uring_enter(void) {
  struct io_uring_params settings = {0};
  int ring = syscall(SYS_io_uring_setup, 2, &settings);
  if (ring < 0) return -2;
  return syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

struct blocking {
  const char *name;
  long (*call)(void);
};

__attribute__((unused)) static const struct blocking blocking[] = {
#define CALL(name) {#name, call_##name}
    CALL(read), CALL(readv), CALL(write), CALL(poll), CALL(poll_for_ever), CALL(ppoll), CALL(select), CALL(pselect),
    CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(nanosleep), CALL(clock_nanosleep),
    CALL(clock_nanosleep_until), CALL(futex), CALL(futex_for), CALL(wait4), CALL(waitid), CALL(sigtimedwait),
    CALL(sigwaitinfo), CALL(recv), CALL(recv_for), CALL(recvmsg_for), CALL(read_socket_for), CALL(send), CALL(send_for),
    CALL(write_socket_for), CALL(accept), CALL(accept_for), CALL(connect), CALL(flock), CALL(semop), CALL(mq_receive),
    CALL(mq_timedreceive), CALL(pause), CALL(sigsuspend), CALL(read_eventfd), CALL(read_timerfd), CALL(read_inotify),
    CALL(read_signalfd), CALL(splice), CALL(io_uring_enter),
};
enum { blocking_count = sizeof blocking / sizeof *blocking };

static inline void handle(int number) {
  (void)number;
  atomic_fetch_add(&outcome->handled, 1);
}

// Starts the call in a child in which `prepare` has run; returns when it blocks.
static inline pid_t begin(const struct blocking *one, void (*prepare)(void)) {
  outcome = shared(sizeof *outcome);
  demand(pipe(ends) == 0);
  sigemptyset(&quiet);
  sigaddset(&quiet, SIGRTMAX);
  masked = quiet;
  sigaddset(&masked, SIGUSR2);
  pid_t child = fork();
  if (child == 0) {
    alarm(40);
    sigprocmask(SIG_BLOCK, &quiet, NULL);
    prepare();
    atomic_store(&outcome->begun, 1);
    errno = 0;
    outcome->result = one->call();
    outcome->error = errno;
    atomic_store(&outcome->returned, 1);
    for (;;) pause();
  }
  until(&outcome->begun, 1);
  until_asleep(child);
  return child;
}

// Tells what the call made of it, once the child sleeps again, and ends the child.
static inline void finish(const struct blocking *one, pid_t child, const char *how) {
  until_asleep(child);
  say("%s, %s: ", one->name, how);
  if (!atomic_load(&outcome->returned)) say("goes on");
  else if (outcome->result < 0) say("%s", strerrorname_np(outcome->error));
  else say("%ld", outcome->result);
  if (outcome->left_ms) say(", left %s", outcome->left_ms > 20000 && outcome->left_ms <= 30001 ? "about all" : "wrong");
  say(", handled %d\n", atomic_load(&outcome->handled));
  kill(child, SIGKILL);
  demand(waitpid(child, NULL, 0) == child);
  close(ends[0]);
  close(ends[1]);
  munmap(outcome, sizeof *outcome);
}

#endif
