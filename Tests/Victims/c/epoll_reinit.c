// victim: a forked child closes the inherited epoll instance and makes its own; both go on with their own loops
// clean: yes
// forbid: shared-epoll
// forbid: ghost-epoll-entry
// forbid: fd-clobbered
// forbid: shared-flag-change
//
// The twin: closing the child's copy of the epoll descriptor changes nothing for the parent (event_reinit, uv_loop_fork).
#include "victim.h"
#include <sys/epoll.h>

static int loop(int epoll, int ends[2]) {
    struct epoll_event event;
    put_byte(ends[1], 'x');
    char byte;
    return epoll_wait(epoll, &event, 1, 5000) == 1 && event.data.fd == ends[0] && read(ends[0], &byte, 1) == 1;
}

static int make(int ends[2]) {
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    return epoll;
}

int main(void) {
    limit();
    int ends[2];
    int epoll = make(ends);
    need(loop(epoll, ends), "the parent's loop");
    pid_t child = fork_child();
    if (child == 0) {
        close(epoll);
        close(ends[0]);
        close(ends[1]);
        epoll = make(ends);
        for (int turns = 0; turns < 100; turns++) need(loop(epoll, ends), "the child's loop");
        _exit(0);
    }
    for (int turns = 0; turns < 100; turns++) need(loop(epoll, ends), "the parent's loop");
    need_success(child);
    return 0;
}
