// victim: a TCP peer is gone; the loop re-arms itself by EPOLL_CTL_MOD each turn and takes a recv of 0 for nothing
// expect: busy-poll severity=error kind=socket victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: 0 bytes means the end of the stream. The loop looks busy: it receives, and switches between EPOLLIN and
// EPOLLIN | EPOLLOUT, and never gets anywhere.
#include "tcp_pair.h"
#include <sys/epoll.h>

int main(void) {
    limit();
    int ends[2];
    tcp_pair(ends);
    pid_t client = fork_child();
    if (client == 0) _exit(0);
    close(ends[1]);
    need_success(client);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &interest) == 0, "epoll");
    for (int waits = 0; waits < SPIN; waits++) {
        struct epoll_event event;
        char buffer[64];
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.events & EPOLLIN, "the socket was ready");
        need(recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT) == 0, "the end of the stream");
        interest.events ^= EPOLLOUT;
        need(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &interest) == 0, "epoll_ctl");
    }
    return 0;
}
