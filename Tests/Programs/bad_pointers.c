// Every call that is looked at gets pointers and sizes that lead nowhere, to the last page before a hole, or
// beyond the end of the address space: it fails as without anybody looking, and nothing crashes.
#include "program.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

int main(void) {
  alarm(60);
  signal(SIGPIPE, SIG_IGN);
  // At the same place in each run, since an address is taken for flags too.
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  char *page = mmap((void *)0x20000000, 8192, PROT_READ | PROT_WRITE, flags, -1, 0);
  demand(page != MAP_FAILED && munmap(page + 4096, 4096) == 0);
  char *hidden = mmap((void *)0x30000000, 4096, PROT_NONE, flags, -1, 0);
  memset(page, 0x11, 4096);
  const long bad[] = {0, 8, (long)page + 4092, (long)page + 4095, (long)hidden, -1, -4096, -8, 1L << 47, 1L << 63,
                      (long)0xffffffffff600000};
  const int calls[] = {
      SYS_pipe, SYS_pipe2, SYS_socketpair, SYS_connect, SYS_bind, SYS_accept, SYS_accept4, SYS_open,
      SYS_openat, SYS_openat2, SYS_creat, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2,
      SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_read, SYS_pread64, SYS_write, SYS_pwrite64,
      SYS_readv, SYS_writev, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_vmsplice, SYS_sendto,
      SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_splice, SYS_tee, SYS_sendfile,
      SYS_signalfd, SYS_signalfd4, SYS_timerfd_settime, SYS_memfd_create, SYS_clone3, SYS_execve,
      SYS_execveat, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal, SYS_rt_sigaction,
      SYS_nanosleep, SYS_clock_nanosleep, SYS_wait4, SYS_waitid, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
      SYS_io_uring_setup, SYS_fcntl, SYS_ioctl, SYS_close_range, SYS_dup3, SYS_flock, SYS_eventfd2,
      SYS_unshare, SYS_pidfd_getfd, SYS_pidfd_open, SYS_kill, SYS_tgkill};
  // Standard output stays, numbers above are for the calls; none is left after each.
  int pair[2];
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    // A child for each, since some of them change what they are called in.
    pid_t child = fork();
    if (child != 0) {
      int status;
      demand(waitpid(child, &status, 0) == child);
      if (status != 0) {
        char who[32];
        snprintf(who, sizeof who, "call %d", calls[i]);
        tell_status(who, status);
      }
      continue;
    }
    alarm(20);
    char text[4096] = "";
    unsigned long sum = 0;
    for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
      for (int form = 0; form < 6; form++) {
        for (int fd = 3; fd < 40; fd++) close(fd);
        demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
        long p = bad[j], result;
        // kill and its kin must not hit anybody.
        if (calls[i] == SYS_kill || calls[i] == SYS_tgkill || calls[i] == SYS_rt_sigqueueinfo ||
            calls[i] == SYS_rt_tgsigqueueinfo) {
          result = syscall(calls[i], 0x7FFFFFF0, 0x7FFFFFF0, form < 3 ? 1 << form * 10 : p, p);
        } else if (calls[i] == SYS_unshare) {
          result = syscall(calls[i], p | 0x80000000);
        } else if (calls[i] == SYS_close_range) {
          result = syscall(calls[i], 50, 20, form);
        } else if (calls[i] == SYS_wait4 || calls[i] == SYS_waitid) {
          result = syscall(calls[i], form, -1, p, p, p);
        } else if (calls[i] == SYS_rt_sigsuspend) {
          // With a mask that can be read it would wait for ever.
          result = syscall(calls[i], p, 7);
        } else if (calls[i] == SYS_poll) {
          result = syscall(calls[i], p, form < 3 ? form + 1 : -form, 0);
        } else if (calls[i] == SYS_ppoll) {
          result = syscall(calls[i], p, form + 1, p, p, 8);
        } else if (calls[i] == SYS_select || calls[i] == SYS_pselect6) {
          static const long none[2];
          result = syscall(calls[i], form < 3 ? 1 << form * 5 : -form, p, 0, p, p ? p : (long)none, p);
        } else if (calls[i] == SYS_nanosleep) {
          result = syscall(calls[i], p, p);
        } else if (calls[i] == SYS_clock_nanosleep) {
          result = syscall(calls[i], form, 0, p, p);
        } else if (calls[i] == SYS_execve || calls[i] == SYS_execveat) {
          long name = form & 1 ? p : (long)"/does/not/exist", words = form & 2 ? p : 0, more = form & 4 ? p : 0;
          result = calls[i] == SYS_execve ? syscall(calls[i], name, words, more)
                                          : syscall(calls[i], AT_FDCWD, name, words, more, 0);
        } else {
          // By turns the pointer stands first, second, third, everywhere; sizes are small, huge, negative.
          const long size[] = {1, 16, 4096, -1, 1L << 31, 1L << 62};
          long a = form & 1 ? p : pair[0], b = p, c = form & 2 ? p : size[form], d = form & 4 ? p : 0;
          result = syscall(calls[i], a, b, c, d, form == 5 ? p : 0, form == 3 ? p : 0);
        }
        if (result < 0) sum = sum * 31 + errno;
        else sum = sum * 31 + (result > 0) + 200;
        if (form == 0) {
          char one[32];
          snprintf(one, sizeof one, " %s", result < 0 ? strerrorname_np(errno) : "ok");
          strcat(text, one);
        }
      }
    }
    dprintf(2, "%d:%s, all: %lx\n", calls[i], text, sum);
    _exit(0);
  }
  // A path, a message and a vector that run over the end of what is mapped.
  strcpy(page + 4096 - 5, "/dev");
  tell("path at the end", open(page + 4096 - 5, O_RDONLY | O_DIRECTORY) >= 0 ? 0 : -1);
  page[4095] = 'x';
  tell("path over the end", open(page + 4096 - 5, O_RDONLY));
  tell("long path", open(memset(calloc(1, 10000), 'a', 9999), O_RDONLY));
  demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  struct iovec parts[3] = {{"abc", 3}, {page + 4094, 100}, {(void *)8, 4}};
  tell("half readable vector", writev(pair[0], parts, 3));
  tell("write over the end", write(pair[0], page + 4000, 5000));
  struct {
    struct cmsghdr head;
    int fds[2];
  } control = {{.cmsg_len = 1000000, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}, {0, 1}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 1, .msg_control = &control};
  message.msg_controllen = sizeof control;
  tell("control message too long", sendmsg(pair[0], &message, 0));
  control.head.cmsg_len = 3;
  tell("control message too short", sendmsg(pair[0], &message, 0));
  control.head.cmsg_len = CMSG_LEN(8);
  control.fds[1] = 4711;
  tell("passing what is not open", sendmsg(pair[0], &message, 0));
  message.msg_iovlen = 5000;
  tell("vector too long", sendmsg(pair[0], &message, 0));
  return 0;
}
