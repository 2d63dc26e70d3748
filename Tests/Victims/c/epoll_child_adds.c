// victim: a forked child adds a pipe of its own to the inherited epoll instance; the parent is told of a number it has not
// expect: shared-epoll severity=error kind=epoll actor=child victim=root
// forbid: ghost-epoll-entry
//
// The bug: the parent gets data.fd of a descriptor that only the child has.
#include "victim.h"
#include <sys/epoll.h>

int main(void) {
    limit();
    sem_t *done = shared_memory(sizeof *done);
    shared_semaphore(done);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    need(epoll >= 0, "epoll_create1");

    pid_t child = fork_child();
    if (child == 0) {
        int ends[2];
        need(pipe(ends) == 0, "pipe");
        struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
        need(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "EPOLL_CTL_ADD");
        put_byte(ends[1], 'x');
        wait_for(done);
        _exit(0);
    }
    struct epoll_event event;
    need(epoll_wait(epoll, &event, 1, 5000) == 1, "the parent is told");
    need(fcntl(event.data.fd, F_GETFD) < 0 && errno == EBADF, "of a number that is not open here");
    sem_post(done);
    need_success(child);
    return 0;
}
