// victim: a forked child waits on the shared epoll instance and takes an edge-triggered event that the parent waits for
// expect: shared-epoll severity=error kind=epoll actor=child victim=root
// forbid: foreign-read
//
// The bug: one edge wakes one waiter. The child does not know the pipe and leaves it unread; the parent is not told.
#include "victim.h"
#include <sys/epoll.h>

struct state {
    sem_t written, taken;
};

int main(void) {
    limit();
    struct state *state = shared_memory(sizeof *state);
    shared_semaphore(&state->written);
    shared_semaphore(&state->taken);
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 77};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");

    pid_t child = fork_child();
    if (child == 0) {
        wait_for(&state->written);
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.u64 == 77, "the child takes the edge");
        sem_post(&state->taken);
        _exit(0);
    }
    put_byte(ends[1], 'x');
    sem_post(&state->written);
    wait_for(&state->taken);
    need_success(child);
    need(epoll_wait(epoll, &event, 1, 200) == 0, "the edge is gone");
    char byte;
    need(read(ends[0], &byte, 1) == 1, "the byte is there");
    return 0;
}
