// victim: an edge-triggered entry that is never read is armed anew by EPOLL_CTL_MOD each turn (asio's async_wait)
// expect: busy-poll severity=error kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
//
// The bug: MOD looks at the file as if nothing had been told of it yet, so that the edge comes again, for the same byte.
#include "victim.h"
#include <sys/epoll.h>

int main(void) {
    limit();
    int ends[2];
    need(pipe(ends) == 0, "pipe");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN | EPOLLET, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &interest) == 0, "epoll");
    pid_t child = fork_child();
    if (child == 0) {
        close(ends[0]);
        put_byte(ends[1], 'x');
        _exit(0);
    }
    need_success(child);
    close(ends[1]);
    for (int waits = 0; waits < SPIN; waits++) {
        struct epoll_event event;
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.events & EPOLLIN, "the edge came again");
        need(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &interest) == 0, "epoll_ctl");
    }
    return 0;
}
