// victim: a loop sleeps on a self-pipe, which it drains; a thread forks, and the child's copy of the library wakes it
// expect: foreign-wakeup-write severity=warning kind=pipe actor=child victim=root
// forbid: busy-poll
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: the child believes that it wakes a loop of its own, and wakes the parent's, for nothing. No process but the
// child ever writes the pipe, so that its bytes could be messages, were they not drained in bulk and thrown away.
#include "victim.h"

enum { WAKEUPS = 2 };

static int ends[2];
static sem_t *asleep;

static void *start_child(void *unused) {
    wait_for(asleep);
    pid_t child = fork_child();
    if (child == 0) {
        put_byte(ends[1], 0);
        wait_for(asleep);
        put_byte(ends[1], 0);
        _exit(0);
    }
    need_success(child);
    return unused;
}

static ssize_t drain(void) {
    char bytes[256];
    ssize_t total = 0, size;
    while ((size = read(ends[0], bytes, sizeof bytes)) > 0) total += size;
    need(size < 0 && errno == EAGAIN, "the pipe is empty");
    return total;
}

int main(void) {
    limit();
    asleep = shared_memory(sizeof *asleep);
    shared_semaphore(asleep);
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    pthread_t thread = start(start_child);
    for (int i = 0; i < WAKEUPS; i++) {
        sem_post(asleep);
        wait_input(ends[0]);
        need(drain() == 1, "one wakeup was drained");
    }
    finish(thread);
    return 0;
}
