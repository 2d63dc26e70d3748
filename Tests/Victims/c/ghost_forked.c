// victim: fork for each connection: the parent closes its copy without EPOLL_CTL_DEL, and the child holds the socket
// expect: ghost-epoll-entry severity=error kind=socketpair victim=root
// expect: busy-poll severity=error cause=ghost-epoll-entry victim=root
// forbid: shared-epoll
// forbid: fd-clobbered
//
// The bug: the entry lives as long as the child's copy. The parent is told of a number that is closed, for ever, and
// EPOLL_CTL_DEL gives EBADF.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/socket.h>

int main(void) {
    limit();
    sem_t *done = shared_memory(sizeof *done);
    shared_semaphore(done);
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    pid_t child = fork_child();
    if (child == 0) {
        close(ends[1]);
        wait_for(done);
        _exit(0);
    }
    close(ends[0]);
    put_byte(ends[1], 'x');
    for (int turns = 0; turns < SPIN; turns++) {
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == ends[0], "a ghost");
        need(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], NULL) < 0 && errno == EBADF, "that cannot be removed");
    }
    sem_post(done);
    need_success(child);
    return 0;
}
