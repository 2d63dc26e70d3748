// victim: a duplicate in the same process keeps the open file: the closed number comes back from epoll_wait
// expect: ghost-epoll-entry severity=error kind=pipe victim=root
// forbid: shared-epoll
// forbid: fd-clobbered
//
// The bug: close(fd) does not end the entry while dup(fd) is open (libevent#560). The number is open again by then, as
// something else, and EPOLL_CTL_DEL gives ENOENT.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLHUP, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    int copy = dup(ends[0]);
    need(copy >= 0 && close(ends[0]) == 0, "dup and close");
    int other = eventfd(0, EFD_CLOEXEC);
    need(other == ends[0], "the number is taken");
    put_byte(ends[1], 'x');
    for (int turns = 0; turns < 20; turns++) {
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == ends[0], "a ghost");
        need(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], NULL) < 0 && errno == ENOENT, "that cannot be removed");
        usleep(1000);
    }
    return 0;
}
