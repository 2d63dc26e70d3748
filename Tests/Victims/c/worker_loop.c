// victim: the founding bug with the roles of the threads swapped: the loop runs in a worker, the main thread forks
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: what counts is not which thread is the main thread, but that the one that forks is not the one in the
// loop.
#include "founding.h"

static struct context context = {.lock = PTHREAD_MUTEX_INITIALIZER};
static sem_t asleep;

static void *run_loop(void *unused) {
    for (int polls = 0; polls < SPIN; polls++) {
        prepare(&context);
        if (polls == 0) sem_post(&asleep);
        need(wait_input(context.read_end) == POLLIN, "the pipe was readable");
        check(&context);
    }
    return unused;
}

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    context.read_end = ends[0];
    context.write_end = ends[1];
    sem_init(&asleep, 0, 0);
    pthread_t worker = start(run_loop);
    wait_for(&asleep);
    pid_t child = fork_child();
    if (child == 0) {
        need(wakeup(&context), "the child's flag was set");
        _exit(0);
    }
    need_success(child);
    finish(worker);
    need(context.reads == 0, "nobody read the child's byte");
    return 0;
}
