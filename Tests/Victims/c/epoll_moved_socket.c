// victim: a connection is moved to another number (dup, then close) and read there each time that epoll tells of it
// clean: yes
// forbid: ghost-epoll-entry
// forbid: fd-clobbered
//
// The twin of ghost_dup.c on a socket, whose reads are not stopped at otherwise.
#include "tcp_pair.h"
#include <sys/epoll.h>

int main(void) {
    limit();
    int ends[2];
    tcp_pair(ends);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    int moved = dup(ends[0]);
    need(moved >= 0 && close(ends[0]) == 0, "moved");
    for (int turns = 0; turns < 20; turns++) {
        put_byte(ends[1], 'x');
        need(epoll_wait(epoll, &event, 1, 5000) == 1 && event.data.u64 == 7, "told");
        char byte;
        need(read(moved, &byte, 1) == 1, "read");
    }
    return 0;
}
