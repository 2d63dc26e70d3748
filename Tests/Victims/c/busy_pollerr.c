// victim: the reader of a pipe has died, and the writer, with nothing to write, polls its end: POLLERR, for ever
// expect: busy-poll severity=error kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: poll reports POLLERR whether asked or not. No events are asked for, so that the descriptor looks as if it
// could do no harm in the wait set.
#include "victim.h"

int main(void) {
    limit();
    sem_t *closed = shared_memory(sizeof *closed);
    shared_semaphore(closed);
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    pid_t reader = fork_child();
    if (reader == 0) {
        close(ends[1]);
        wait_for(closed);
        _exit(0);
    }
    close(ends[0]);
    sem_post(closed);
    for (int polls = 0; polls < SPIN; polls++) {
        struct pollfd entry = {.fd = ends[1]};
        need(poll(&entry, 1, -1) == 1 && entry.revents == POLLERR, "the pipe had no reader");
    }
    need_success(reader);
    return 0;
}
