// victim: the peer of a socket is gone; epoll says readable, recv returns 0, and the loop asks again, for ever
// expect: busy-poll severity=error kind=socketpair victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: 0 bytes means the end of the stream, and the loop takes it for "nothing yet". It reads each time, so the
// count of reads proves nothing: no read got a byte.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/socket.h>

int main(void) {
    limit();
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "socketpair");
    pid_t client = fork_child();
    if (client == 0) {
        close(ends[0]);
        need(send(ends[1], "hello\n", 6, MSG_NOSIGNAL) == 6, "the client's message");
        _exit(0);
    }
    close(ends[1]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    int received = 0, empty = 0;
    while (empty < SPIN) {
        char buffer[64];
        need(epoll_wait(epoll, &event, 1, -1) == 1, "the socket was ready");
        ssize_t size = recv(ends[0], buffer, sizeof buffer, 0);
        need(size >= 0, "recv");
        received += size;
        if (size == 0) empty++;
    }
    need(received == 6, "the message arrived");
    need_success(client);
    return 0;
}
