// Descriptors through every call that makes, moves, passes or drops them, with the numbers that each gives;
// what is open in the end is told from /proc/self/fd, so that a model of the table can be held against it.
#include "program.h"

#include <dirent.h>
#include <linux/close_range.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void tell_table(const char *when) {
  say("%s:", when);
  for (int fd = 3; fd < 200; fd++) {
    char path[64], link[256];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length < 0) continue;
    link[length] = 0;
    char *colon = strchr(link, ':');
    // Inode numbers differ from run to run.
    if (colon && colon[1] == '[' && link[0] != 'a') colon[0] = 0;
    say(" %d%s=%s", fd, fcntl(fd, F_GETFD) ? "(cloexec)" : "", link);
  }
  say("\n");
}

static int pass(int over, const int *fds, int count, int room, int flags) {
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(16 * sizeof(int))];
  } control = {0};
  char byte = 'x';
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
  message.msg_controllen = CMSG_LEN(count * 4);
  control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * 4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.head), fds, count * 4);
  demand(sendmsg(over, &message, 0) == 1);
  memset(&control, 0, sizeof control);
  message.msg_controllen = CMSG_LEN(room * 4);
  demand(recvmsg(over + 1, &message, flags) == 1);
  int got = (int)((control.head.cmsg_len - CMSG_LEN(0)) / 4);
  say("passed %d, room for %d: got %d, cut %d\n", count, room, got, (message.msg_flags & MSG_CTRUNC) != 0);
  return got;
}

int main(int count, char **arguments) {
  (void)arguments;
  alarm(60);
  if (count > 1) {
    tell_table("after exec");
    return 0;
  }
  for (int fd = 3; fd < 300; fd++) close(fd);
  int ends[2];
  demand(pipe2(ends, O_CLOEXEC) == 0);
  tell("dup", dup(ends[0]));
  tell("dup2", dup2(ends[1], 20));
  tell("dup2 of itself", dup2(ends[1], ends[1]));
  tell("dup3", dup3(ends[1], 21, O_CLOEXEC));
  tell("dup3 of itself", dup3(21, 21, 0));
  tell("dup2 onto an open one", dup2(ends[0], 20));
  tell("F_DUPFD", fcntl(ends[0], F_DUPFD, 30));
  tell("F_DUPFD_CLOEXEC", fcntl(ends[0], F_DUPFD_CLOEXEC, 30));
  tell("F_DUPFD too high", fcntl(ends[0], F_DUPFD, 1 << 30));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), ends[1]);
  tell("open of /proc/PID/fd", open(path, O_WRONLY | O_CLOEXEC));
  snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  tell("open of /dev/fd", open(path, O_RDONLY));
  int sockets[2];
  demand(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  demand(sockets[1] == sockets[0] + 1);
  const int both[] = {ends[0], ends[1], 20};
  pass(sockets[0], both, 2, 2, 0);
  pass(sockets[0], both, 3, 1, MSG_CMSG_CLOEXEC);
  tell_table("passed");
  int self = syscall(SYS_pidfd_open, getpid(), 0);
  tell("pidfd_getfd", syscall(SYS_pidfd_getfd, self, ends[1], 0));
  tell("eventfd", eventfd(3, EFD_CLOEXEC));
  tell("close_range CLOEXEC", syscall(SYS_close_range, 30, 31, CLOSE_RANGE_CLOEXEC));
  pid_t child = fork();
  if (child == 0) {
    tell("close_range UNSHARE", syscall(SYS_close_range, 20, 100, CLOSE_RANGE_UNSHARE));
    tell_table("child");
    _exit(0);
  }
  tell_child("child", child, 0);
  // A child that shares the table, and then no more.
  atomic_int *step = shared(sizeof *step);
  child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) {
    dup2(ends[0], 60);
    demand(unshare(CLONE_FILES) == 0);
    dup2(ends[0], 61);
    close(ends[0]);
    atomic_store(step, 1);
    tell_table("unshared");
    _exit(0);
  }
  tell_child("sharing child", child, 0);
  child = vfork();
  if (child == 0) {
    // vfork shares memory, not the table.
    dup2(ends[0], 62);
    _exit(0);
  }
  tell_child("vfork child", child, 0);
  tell_table("end");
  execl("/proc/self/exe", "fd_table", "again", (char *)NULL);
  return 1;
}
