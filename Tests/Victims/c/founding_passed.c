// victim: the founding bug on a pipe that another process made and passed over a socket (SCM_RIGHTS)
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: see founding_pipe.c. The process whose loop spins has neither made nor inherited the pipe.
#include "founding_loop.h"
#include <sys/socket.h>

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(2 * sizeof(int))];
};

int main(void) {
    limit();
    int sockets[2], ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "socketpair");
    union control control;
    char byte = 'p';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    pid_t maker = fork_child();
    if (maker == 0) {
        need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
        memset(&control, 0, sizeof control);
        control.header = (struct cmsghdr){CMSG_LEN(sizeof ends), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), ends, sizeof ends);
        need(sendmsg(sockets[1], &message, 0) == 1, "sendmsg");
        _exit(0);
    }
    need(recvmsg(sockets[0], &message, MSG_CMSG_CLOEXEC) == 1, "recvmsg");
    need(control.header.cmsg_len == CMSG_LEN(sizeof ends), "both ends came");
    memcpy(ends, CMSG_DATA(&control.header), sizeof ends);
    need_success(maker);
    close(sockets[0]);
    close(sockets[1]);
    founding_loop(ends[0], ends[1]);
    return 0;
}
