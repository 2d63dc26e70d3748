// A thread in each kind of blocking wait, for who attaches and lets go: none may notice. Says "ready" once all
// sleep, and does so again for each line "again"; at the line "go" it ends all waits, and tells what each returned.
//
// attached_waits SPAN_MS all|restarting: timed waits take SPAN_MS; with "restarting" only what SIGSTOP and SIGCONT
// leave alone too (signal(7)).
#include "blocking_calls.h"

#include <linux/aio_abi.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct one {
  const char *name;
  long (*call)(struct one *);
  void (*end)(struct one *);
  // SIGSTOP and SIGCONT end it with EINTR or a short count, traced or not.
  bool is_cut;
  int fds[2];
  int id;
  sem_t sem;
  pthread_mutex_t mutex;
  atomic_int word, tid, returned;
  char path[64];
  long result;
  int error;
  int64_t begun, ended;
  pthread_t thread;
};

static int span;
static atomic_int handled_count;
static sigset_t waited, watched, none;
enum { BIG = 4 << 20 };
static char *large;

static void count(int number) {
  (void)number;
  atomic_fetch_add(&handled_count, 1);
}

static struct timespec spell(void) { return (struct timespec){span / 1000, span % 1000 * 1000000L}; }
static void make_pipe(struct one *one) { demand(pipe(one->fds) == 0); }
static void put(struct one *one) { demand(write(one->fds[1], "x", 1) == 1); }

// MARK: Ready descriptors

static struct pollfd *input(struct one *one, struct pollfd *set) {
  make_pipe(one);
  *set = (struct pollfd){one->fds[0], POLLIN, 0};
  return set;
}
static long in_poll(struct one *one) { return poll(input(one, &(struct pollfd){0}), 1, -1); }
static long in_poll_for(struct one *one) { return poll(input(one, &(struct pollfd){0}), 1, span); }
static long in_ppoll(struct one *one) { return ppoll(input(one, &(struct pollfd){0}), 1, NULL, &none); }
static long in_ppoll_for(struct one *one) {
  struct timespec time = spell();
  return ppoll(input(one, &(struct pollfd){0}), 1, &time, NULL);
}
static fd_set only(struct one *one) {
  fd_set set;
  FD_ZERO(&set);
  make_pipe(one);
  FD_SET(one->fds[0], &set);
  return set;
}
static long in_select(struct one *one) {
  fd_set set = only(one);
  return select(one->fds[0] + 1, &set, NULL, NULL, NULL);
}
static long in_select_for(struct one *one) {
  fd_set set = only(one);
  struct timeval time = {span / 1000, span % 1000 * 1000};
  return select(one->fds[0] + 1, &set, NULL, NULL, &time);
}
static long in_pselect(struct one *one) {
  fd_set set = only(one);
  return pselect(one->fds[0] + 1, &set, NULL, NULL, NULL, &none);
}
static long in_pselect_for(struct one *one) {
  fd_set set = only(one);
  struct timespec time = spell();
  return pselect(one->fds[0] + 1, &set, NULL, NULL, &time, NULL);
}
static int instance(struct one *one) {
  make_pipe(one);
  int made = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  demand(epoll_ctl(made, EPOLL_CTL_ADD, one->fds[0], &event) == 0);
  return made;
}
static long in_epoll_wait(struct one *one) { return epoll_wait(instance(one), &(struct epoll_event){0}, 1, -1); }
static long in_epoll_wait_for(struct one *one) {
  return epoll_wait(instance(one), &(struct epoll_event){0}, 1, span);
}
static long in_epoll_pwait(struct one *one) {
  return epoll_pwait(instance(one), &(struct epoll_event){0}, 1, -1, &none);
}
static long in_epoll_pwait2(struct one *one) {
  return syscall(SYS_epoll_pwait2, instance(one), &(struct epoll_event){0}, 1, NULL, NULL, 8);
}
static long in_epoll_pwait2_for(struct one *one) {
  struct timespec time = spell();
  return syscall(SYS_epoll_pwait2, instance(one), &(struct epoll_event){0}, 1, &time, NULL, 8);
}

// MARK: Time

static long in_nanosleep(struct one *one) {
  (void)one;
  struct timespec time = spell();
  return nanosleep(&time, NULL);
}
static long in_clock_nanosleep(struct one *one) {
  (void)one;
  struct timespec time = spell();
  return -(errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL));
}
static long in_clock_nanosleep_until(struct one *one) {
  (void)one;
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  int64_t at = time.tv_sec * 1000000000LL + time.tv_nsec + span * 1000000LL;
  time = (struct timespec){at / 1000000000, at % 1000000000};
  return -(errno = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL));
}
static long in_timerfd(struct one *one) {
  (void)one;
  uint64_t expired = 0;
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  demand(timerfd_settime(fd, 0, &(struct itimerspec){.it_value = spell()}, NULL) == 0);
  demand(read(fd, &expired, 8) == 8);
  return expired - 1;
}

// MARK: Locks

static long in_futex(struct one *one) { return syscall(SYS_futex, &one->word, FUTEX_WAIT, 0, NULL, NULL, 0); }
static void wake(struct one *one) {
  atomic_store(&one->word, 1);
  syscall(SYS_futex, &one->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
static long in_futex_for(struct one *one) {
  struct timespec time = spell();
  return syscall(SYS_futex, &one->word, FUTEX_WAIT, 0, &time, NULL, 0);
}
static long in_sem_wait(struct one *one) { return sem_wait(&one->sem); }
static void post(struct one *one) { demand(sem_post(&one->sem) == 0); }
static long in_mutex(struct one *one) { return -(errno = pthread_mutex_lock(&one->mutex)); }
static void unlock(struct one *one) { demand(pthread_mutex_unlock(&one->mutex) == 0); }
static void make_file(struct one *one) {
  snprintf(one->path, sizeof one->path, "/tmp/faultline-waits-XXXXXX");
  demand((one->fds[1] = mkstemp(one->path)) >= 0);
}
static long in_flock(struct one *one) {
  make_file(one);
  demand(flock(one->fds[1], LOCK_EX) == 0);
  one->fds[0] = open(one->path, O_RDWR | O_CLOEXEC);
  unlink(one->path);
  return flock(one->fds[0], LOCK_EX);
}
static void unlock_file(struct one *one) { demand(flock(one->fds[1], LOCK_UN) == 0); }
static long in_semop(struct one *one) {
  demand((one->id = semget(IPC_PRIVATE, 1, 0600)) >= 0);
  return semop(one->id, &(struct sembuf){0, -1, 0}, 1);
}
static void raise_semaphore(struct one *one) { demand(semop(one->id, &(struct sembuf){0, 1, 0}, 1) == 0); }
static long in_semtimedop(struct one *one) {
  struct timespec time = spell();
  demand((one->id = semget(IPC_PRIVATE, 1, 0600)) >= 0);
  return semtimedop(one->id, &(struct sembuf){0, -1, 0}, 1, &time);
}

// MARK: Signals and children

static long in_pause(struct one *one) {
  (void)one;
  return pause();
}
static long in_sigsuspend(struct one *one) {
  (void)one;
  return sigsuspend(&none);
}
static void interrupt(struct one *one) { demand(pthread_kill(one->thread, SIGUSR1) == 0); }
static long in_sigwaitinfo(struct one *one) {
  (void)one;
  return sigwaitinfo(&waited, NULL) - SIGRTMAX;
}
static void send_waited(struct one *one) { demand(pthread_kill(one->thread, SIGRTMAX) == 0); }
static long in_sigtimedwait(struct one *one) {
  (void)one;
  struct timespec time = spell();
  sigset_t other;
  sigemptyset(&other);
  sigaddset(&other, SIGRTMAX - 1);
  return sigtimedwait(&other, NULL, &time);
}
static long in_signalfd(struct one *one) {
  char info[128];
  return read(one->fds[0] = signalfd(-1, &watched, 0), info, sizeof info);
}
static void send_watched(struct one *one) { demand(pthread_kill(one->thread, SIGRTMAX - 2) == 0); }
static long in_waitpid(struct one *one) {
  make_pipe(one);
  if ((one->id = fork()) == 0) {
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(read(one->fds[0], &byte, 1) == 1 ? 7 : 8);
  }
  int status = 0;
  return waitpid(one->id, &status, 0) == one->id ? WEXITSTATUS(status) : -1;
}

// MARK: Bytes

static long in_read(struct one *one) {
  make_pipe(one);
  return read(one->fds[0], &(char){0}, 1);
}
static long in_tty(struct one *one) {
  char text[16];
  one->fds[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  demand(one->fds[1] >= 0 && grantpt(one->fds[1]) == 0 && unlockpt(one->fds[1]) == 0);
  one->fds[0] = open(ptsname(one->fds[1]), O_RDWR | O_NOCTTY | O_CLOEXEC);
  return read(one->fds[0], text, sizeof text);
}
static void type(struct one *one) { demand(write(one->fds[1], "line\n", 5) == 5); }
static long in_eventfd(struct one *one) {
  uint64_t value = 0;
  demand((one->fds[0] = eventfd(0, EFD_CLOEXEC)) >= 0);
  return read(one->fds[0], &value, 8) == 8 ? (long)value : -1;
}
static void add(struct one *one) { demand(write(one->fds[0], &(uint64_t){5}, 8) == 8); }
static long in_inotify(struct one *one) {
  char event[4096];
  make_file(one);
  demand((one->fds[0] = inotify_init1(IN_CLOEXEC)) >= 0);
  demand(inotify_add_watch(one->fds[0], one->path, IN_MODIFY) >= 0);
  long got = read(one->fds[0], event, sizeof event);
  unlink(one->path);
  return got;
}
static long in_open(struct one *one) {
  make_file(one);
  unlink(one->path);
  demand(mkfifo(one->path, 0600) == 0);
  return open(one->path, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : -1;
}
static void open_too(struct one *one) {
  demand(open(one->path, O_WRONLY | O_CLOEXEC) >= 0);
  unlink(one->path);
}
static struct sockaddr_un address(struct one *one, socklen_t *length) {
  struct sockaddr_un name;
  *length = sizeof name;
  demand(getsockname(one->fds[0], (struct sockaddr *)&name, length) == 0);
  return name;
}
static void limit_receiving(int fd) {
  struct timeval time = {span / 1000, span % 1000 * 1000};
  demand(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0);
}
static long in_accept(struct one *one) {
  one->fds[0] = listener();
  return accept(one->fds[0], NULL, NULL) >= 0 ? 0 : -1;
}
static long in_accept_for(struct one *one) {
  limit_receiving(one->fds[0] = listener());
  return accept(one->fds[0], NULL, NULL);
}
static void connect_to(struct one *one) {
  socklen_t length;
  struct sockaddr_un name = address(one, &length);
  demand(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, length) == 0);
}
static long in_recv(struct one *one) {
  demand(socketpair(AF_UNIX, SOCK_STREAM, 0, one->fds) == 0);
  return recv(one->fds[0], &(char){0}, 1, 0);
}
static long in_recv_for(struct one *one) {
  demand(socketpair(AF_UNIX, SOCK_STREAM, 0, one->fds) == 0);
  limit_receiving(one->fds[0]);
  return recv(one->fds[0], &(char){0}, 1, 0);
}
static long in_msgrcv(struct one *one) {
  struct { long type; char text[8]; } message;
  demand((one->id = msgget(IPC_PRIVATE, 0600)) >= 0);
  return msgrcv(one->id, &message, sizeof message.text, 0, 0);
}
static void send_message(struct one *one) {
  struct { long type; char text[8]; } message = {1, "text"};
  demand(msgsnd(one->id, &message, 5, 0) == 0);
}
static void *read_slowly(void *argument) {
  struct one *one = argument;
  static char part[1 << 14];
  long total = 0, wrong = 0;
  for (ssize_t got; (got = read(one->fds[0], part, sizeof part)) != 0; total += got) {
    if (got < 0) return (void *)-1L;
    for (ssize_t i = 0; i < got; i++) wrong += part[i] != (char)((total + i) / 251);
    nanosleep(&(struct timespec){0, span * 3900L}, NULL);
  }
  return (void *)(wrong ? -wrong : total);
}
static long in_write(struct one *one) {
  pthread_t reader;
  void *total;
  make_pipe(one);
  demand(pthread_create(&reader, NULL, read_slowly, one) == 0);
  long result = write(one->fds[1], large, BIG);
  int error = errno;
  close(one->fds[1]);
  pthread_join(reader, &total);
  if ((long)total != result) say("the reader got %ld bytes, the writer wrote %ld\n", (long)total, result);
  errno = error;
  return result;
}

// MARK: Asynchronous input

static long in_io_getevents(struct one *one) {
  struct io_event event;
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, 4, &context) < 0) return -1;
  make_pipe(one);
  struct iocb control = {.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = one->fds[0], .aio_buf = POLLIN};
  demand(syscall(SYS_io_submit, context, 1, &(struct iocb *){&control}) == 1);
  return syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
}
static long in_io_getevents_for(struct one *one) {
  (void)one;
  struct io_event event;
  struct timespec time = spell();
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, 4, &context) < 0) return -1;
  return syscall(SYS_io_getevents, context, 1, 1, &event, &time);
}

#define GOES_ON(which, ending) {.name = #which, .call = in_##which, .end = ending}
#define IS_CUT(which, ending) {.name = #which, .call = in_##which, .end = ending, .is_cut = true}

static struct one waits[] = {
    GOES_ON(poll, put), GOES_ON(poll_for, NULL), GOES_ON(ppoll, put), GOES_ON(ppoll_for, NULL),
    GOES_ON(select, put), GOES_ON(select_for, NULL), GOES_ON(pselect, put), GOES_ON(pselect_for, NULL),
    IS_CUT(epoll_wait, put), IS_CUT(epoll_wait_for, NULL), IS_CUT(epoll_pwait, put), IS_CUT(epoll_pwait2, put),
    IS_CUT(epoll_pwait2_for, NULL), GOES_ON(nanosleep, NULL), GOES_ON(clock_nanosleep, NULL),
    GOES_ON(clock_nanosleep_until, NULL), GOES_ON(timerfd, NULL), GOES_ON(futex, wake), GOES_ON(futex_for, NULL),
    GOES_ON(sem_wait, post), GOES_ON(mutex, unlock), GOES_ON(flock, unlock_file), IS_CUT(semop, raise_semaphore),
    IS_CUT(semtimedop, NULL), GOES_ON(pause, interrupt), GOES_ON(sigsuspend, interrupt),
    IS_CUT(sigwaitinfo, send_waited), IS_CUT(sigtimedwait, NULL), GOES_ON(signalfd, send_watched),
    GOES_ON(waitpid, put), GOES_ON(read, put), GOES_ON(tty, type), GOES_ON(eventfd, add), GOES_ON(inotify, put),
    GOES_ON(open, open_too), GOES_ON(accept, connect_to), IS_CUT(accept_for, NULL), GOES_ON(recv, put),
    IS_CUT(recv_for, NULL), GOES_ON(msgrcv, send_message), IS_CUT(write, NULL), IS_CUT(io_getevents, put),
    IS_CUT(io_getevents_for, NULL),
};
enum { COUNT = sizeof waits / sizeof *waits };

static void *run(void *argument) {
  struct one *one = argument;
  atomic_store(&one->tid, gettid());
  one->begun = now_ms();
  one->result = one->call(one);
  one->error = errno;
  one->ended = now_ms();
  atomic_store(&one->returned, 1);
  return NULL;
}

static bool is_wanted(struct one *one, bool all) { return all || !one->is_cut; }

static void prepare(void) {
  demand((large = malloc(BIG)) != NULL);
  for (int i = 0; i < BIG; i++) large[i] = (char)(i / 251);
  sigemptyset(&none);
  sigemptyset(&waited);
  sigaddset(&waited, SIGRTMAX);
  sigemptyset(&watched);
  sigaddset(&watched, SIGRTMAX - 2);
  sigset_t blocked = waited;
  sigaddset(&blocked, SIGRTMAX - 1);
  sigaddset(&blocked, SIGRTMAX - 2);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  // What ppoll and its like let through, only the waiters for them are sent.
  none = blocked;
  struct sigaction action = {.sa_handler = count};
  sigaction(SIGUSR1, &action, NULL);
}

static void say_ready(bool all) {
  for (int i = 0; i < COUNT; i++) {
    struct one *one = &waits[i];
    if (!is_wanted(one, all) || strcmp(one->name, "write") == 0) continue;
    while (atomic_load(&one->tid) == 0) nap();
    for (int64_t end = now_ms() + 20000; !atomic_load(&one->returned) && state_of(one->tid) != 'S'; nap())
      if (now_ms() > end) say("%s does not sleep but is in state %c\n", one->name, state_of(one->tid));
  }
  say("ready\n");
}

int main(int count, char **arguments) {
  alarm(100);
  span = count > 1 ? atoi(arguments[1]) : 1000;
  bool all = count < 3 || strcmp(arguments[2], "all") == 0;
  prepare();
  for (int i = 0; i < COUNT; i++) {
    struct one *one = &waits[i];
    if (!is_wanted(one, all)) continue;
    sem_init(&one->sem, 0, 0);
    pthread_mutex_init(&one->mutex, NULL);
    demand(pthread_mutex_lock(&one->mutex) == 0);
    demand(pthread_create(&one->thread, NULL, run, one) == 0);
  }
  say_ready(all);
  char line[16];
  for (ssize_t got; (got = read(0, line, sizeof line)) != 3 || memcmp(line, "go\n", 3) != 0; say_ready(all))
    demand(got > 0);
  int64_t gone = now_ms();
  for (int i = 0; i < COUNT; i++) {
    struct one *one = &waits[i];
    if (is_wanted(one, all) && one->end && atomic_load(&one->returned))
      say("%s returned before its time\n", one->name);
  }
  for (int i = 0; i < COUNT; i++) {
    struct one *one = &waits[i];
    if (!is_wanted(one, all)) continue;
    if (one->end) one->end(one);
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 20 + span / 1000;
    if (pthread_timedjoin_np(one->thread, NULL, &deadline) != 0) {
      say("%s does not return\n", one->name);
      continue;
    }
    say("%s: ", one->name);
    if (one->result < 0) say("%s", strerrorname_np(one->error));
    else say("%ld", one->result);
    // A wait that had to be begun anew at the last attach ends this much later.
    int64_t latest = (one->begun > gone ? one->begun : gone) + span + 2000;
    if (!one->end && strcmp(one->name, "write") != 0)
      say(", %s", one->ended - one->begun < span - 20 ? "too early" : one->ended > latest ? "too late" : "in time");
    say("\n");
    if (strstr(one->name, "semop") || strstr(one->name, "semtimedop")) semctl(one->id, 0, IPC_RMID);
    if (strstr(one->name, "msgrcv")) msgctl(one->id, IPC_RMID, NULL);
  }
  say("signals handled: %d\n", atomic_load(&handled_count));
  return 0;
}
