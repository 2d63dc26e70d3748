// Pipes and eventfds that arrive over AF_UNIX sockets (unix(7), SCM_RIGHTS) on numbers that nobody made: one by one
// and many in one message, by recvmsg and recvmmsg, cut short, close-on-exec, in a process that has exec'd; what they
// carry is right.
#include "channels.h"

#include <sys/un.h>

enum { MOST = 8, ROUNDS = 30 };

static bool send_all(int to, const int *fds, int count) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * MOST)];
  } control;
  memset(&control, 0, sizeof control);
  control.header = (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)count), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * (size_t)count);
  struct iovec part = {"m", 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
  return sendmsg(to, &message, 0) == 1;
}

// How many came; -1 if none of the message. `room` is for how many there is space.
static int receive(int from, int *fds, int room, int flags, int *told) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * MOST)];
  } control;
  char byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = room ? CMSG_LEN(sizeof(int) * (size_t)room) : 0};
  if (recvmsg(from, &message, flags) != 1) return -1;
  *told = message.msg_flags & (MSG_CTRUNC | MSG_CMSG_CLOEXEC);
  if (!CMSG_FIRSTHDR(&message)) return 0;
  int count = (int)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
  memcpy(fds, CMSG_DATA(&control.header), sizeof(int) * (size_t)count);
  return count;
}

// The other side: takes a pipe and an eventfd, answers through them.
static int answer(int from) {
  for (int i = 0; i < ROUNDS; i++) {
    int fds[MOST], told;
    if (receive(from, fds, MOST, 0, &told) != 3) return 2;
    uint64_t count = 0;
    char byte;
    if (read(fds[0], &byte, 1) != 1 || write(fds[1], &byte, 1) != 1) return 3;
    if (read(fds[2], &count, 8) != 8 || count != (uint64_t)i + 1) return 4;
    count = 2 * (uint64_t)i + 5;
    if (write(fds[2], &count, 8) != 8) return 5;
    // Kept open now and then, so that the numbers move.
    for (int k = 0; k < 3; k++)
      if (i % 4 || k != 1) close(fds[k]);
    if (send(from, "d", 1, 0) != 1) return 6;
  }
  return 0;
}

static void asks(const char *name, int to, pid_t child) {
  const char *wrong = NULL;
  for (int i = 0; i < ROUNDS && !wrong; i++) {
    int there[2], back[2], counter = eventfd(0, EFD_CLOEXEC);
    demand(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0 && counter >= 0);
    char byte = (char)('a' + i), got = 0;
    uint64_t count = (uint64_t)i + 1;
    int fds[3] = {there[0], back[1], counter};
    if (write(there[1], &byte, 1) != 1 || write(counter, &count, 8) != 8) wrong = "write";
    if (!wrong && !send_all(to, fds, 3)) wrong = "sendmsg";
    if (!wrong && (recv(to, &got, 1, 0) != 1 || got != 'd')) wrong = "the answer";
    if (!wrong && (read(back[0], &got, 1) != 1 || got != byte)) wrong = "the byte";
    if (!wrong && (read(counter, &count, 8) != 8 || count != 2 * (uint64_t)i + 5)) wrong = "the count";
    for (int k = 0; k < 2; k++) {
      close(there[k]);
      close(back[k]);
    }
    close(counter);
  }
  close(to);
  say("%s: %s\n", name, wrong ? wrong : "right");
  tell_child(name, child, 0);
}

static void to_child(void) {
  int pair[2];
  demand(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    close(pair[0]);
    _exit(answer(pair[1]));
  }
  close(pair[1]);
  asks("to a child", pair[0], child);
}

static void to_program(void) {
  int pair[2];
  demand(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  pid_t child = fork();
  if (child == 0) {
    demand(dup2(pair[1], 5) == 5);
    execl("/proc/self/exe", "passed_channels", "5", (char *)NULL);
  }
  close(pair[1]);
  asks("to another program", pair[0], child);
}

static void by_name(void) {
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  socklen_t length = sizeof name;
  demand(bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t)) == 0 && listen(listener, 5) == 0);
  demand(getsockname(listener, (struct sockaddr *)&name, &length) == 0);
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    close(listener);
    int to = socket(AF_UNIX, SOCK_STREAM, 0);
    demand(connect(to, (struct sockaddr *)&name, length) == 0);
    _exit(answer(to));
  }
  int to = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  demand(to >= 0);
  close(listener);
  asks("by a connection", to, child);
}

static void cut_short(void) {
  int pair[2], ends[3][2];
  demand(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  for (int i = 0; i < 3; i++) demand(pipe(ends[i]) == 0);
  int all[6] = {ends[0][0], ends[0][1], ends[1][0], ends[1][1], ends[2][0], ends[2][1]};
  for (int room = 0; room <= 6; room++) {
    int fds[MOST] = {0}, told = 0;
    demand(send_all(pair[0], all, 6));
    int count = receive(pair[1], fds, room, room & 1 ? MSG_CMSG_CLOEXEC : 0, &told);
    int right = 0;
    for (int i = 0; i + 1 < count; i += 2) right += carries(fds[i + 1], fds[i], (unsigned)room);
    say("room for %d: %d came, cut %d, pipes that carry %d, close-on-exec %d\n", room, count, !!(told & MSG_CTRUNC),
        right, count > 0 ? fcntl(fds[0], F_GETFD) : -1);
    for (int i = 0; i < count; i++) close(fds[i]);
  }
  // Numbers are short: what finds none is lost.
  int next = dup(0), fds[MOST], told = 0;
  close(next);
  struct rlimit_pair { uint64_t soft, hard; } limit = {(uint64_t)next + 3, (uint64_t)next + 3};
  demand(send_all(pair[0], all, 6));
  demand(syscall(SYS_prlimit64, 0, 7, &limit, NULL) == 0);
  int count = receive(pair[1], fds, 6, 0, &told);
  say("three numbers left: %d came, cut %d, the first carry %d\n", count, !!(told & MSG_CTRUNC),
      count >= 2 && carries(fds[1], fds[0], 4));
}

static void many_at_once(void) {
  int pair[2];
  demand(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  int ends[4][2];
  for (int i = 0; i < 4; i++) {
    demand(pipe(ends[i]) == 0 && send_all(pair[0], ends[i], 2));
  }
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * 2)];
  } control[4];
  char bytes[4];
  struct iovec parts[4];
  struct mmsghdr messages[4];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < 4; i++) {
    parts[i] = (struct iovec){&bytes[i], 1};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = &control[i],
                                          .msg_controllen = sizeof control[i]};
  }
  int got = recvmmsg(pair[1], messages, 4, 0, NULL), right = 0;
  for (int i = 0; i < got; i++) {
    int fds[2];
    memcpy(fds, CMSG_DATA(&control[i].header), sizeof fds);
    right += carries(fds[1], ends[i][0], 4) && carries(ends[i][1], fds[0], 5);
    close(fds[0]);
    close(fds[1]);
  }
  say("recvmmsg: %d messages, pipes that carry %d\n", got, right);
}

int main(int count, char **arguments) {
  alarm(60);
  if (count > 1) return answer(atoi(arguments[1]));
  to_child();
  to_program();
  by_name();
  in_child("cut short", cut_short);
  in_child("many at once", many_at_once);
  return 0;
}
