// victim: a daemon: the parent makes loop and descriptors, forks and leaves; the child uses and changes them
// clean: yes
// forbid: shared-epoll
// forbid: ghost-epoll-entry
//
// The twin: the child is the owner now. The parent only waits for it (as a shell would), not on the loop.
#include "victim.h"
#include <sys/epoll.h>

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    need(epoll_wait(epoll, &event, 1, 0) == 0, "a first turn in the parent");
    pid_t child = fork_child();
    if (child == 0) {
        setsid();
        char byte;
        for (int turns = 0; turns < 50; turns++) {
            put_byte(ends[1], 'x');
            need(epoll_wait(epoll, &event, 1, 5000) == 1 && read(ends[0], &byte, 1) == 1, "the daemon's loop");
        }
        event.events = EPOLLIN | EPOLLET;
        need(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0, "EPOLL_CTL_MOD");
        need(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], NULL) == 0, "EPOLL_CTL_DEL");
        _exit(0);
    }
    need_success(child);
    return 0;
}
