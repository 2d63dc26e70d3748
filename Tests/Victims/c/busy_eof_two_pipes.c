// victim: two pipes in an epoll set have ended; epoll_wait takes one event at a time, and a read of 0 means nothing
// expect: busy-poll severity=error kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: the end of a pipe is taken for "nothing yet". As epoll deals the two out in turn, no two returns that follow
// one another name the same descriptor, and between two returns of one there is a read of the other.
#include "victim.h"
#include <sys/epoll.h>

enum { PIPES = 2 };

int main(void) {
    limit();
    sem_t *closed = shared_memory(sizeof *closed);
    shared_semaphore(closed);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    need(epoll >= 0, "epoll_create1");
    int readers[PIPES];
    for (int i = 0; i < PIPES; i++) {
        int ends[2];
        need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
        pid_t child = fork_child();
        if (child == 0) {
            wait_for(closed);
            put_byte(ends[1], 'x');
            _exit(0);
        }
        close(ends[1]);
        sem_post(closed);
        need_success(child);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        need(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll_ctl");
        readers[i] = ends[0];
    }
    int received = 0, empty[PIPES] = {0};
    for (int waits = 0; waits < SPIN; waits++) {
        struct epoll_event event;
        char buffer[8];
        need(epoll_wait(epoll, &event, 1, -1) == 1, "a pipe was ready");
        ssize_t size = read(readers[event.data.u32], buffer, sizeof buffer);
        need(size >= 0, "read");
        received += size;
        if (size == 0) empty[event.data.u32]++;
    }
    need(received == PIPES, "one byte came from each");
    need(empty[0] > SPIN / 3 && empty[1] > SPIN / 3, "both were returned again and again");
    return 0;
}
