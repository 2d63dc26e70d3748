// The founding bug's loop (founding_pipe.c) on a pipe that came about in another way: a thread forks while the loop
// sleeps, the child wakes it, and the parent never reads.
#pragma once
#include "founding.h"

static struct context context = {.lock = PTHREAD_MUTEX_INITIALIZER};
static sem_t asleep;

static void *start_child(void *unused) {
    wait_for(&asleep);
    pid_t child = fork_child();
    if (child == 0) {
        need(wakeup(&context), "the child's flag was set");
        _exit(0);
    }
    need_success(child);
    return unused;
}

static inline void founding_loop(int read_end, int write_end) {
    context.read_end = read_end;
    context.write_end = write_end;
    sem_init(&asleep, 0, 0);
    pthread_t thread = start(start_child);
    for (int polls = 0; polls < SPIN; polls++) {
        prepare(&context);
        if (polls == 0) sem_post(&asleep);
        need(wait_input(context.read_end) == POLLIN, "the pipe was readable");
        check(&context);
    }
    finish(thread);
    need(context.reads == 0, "nobody read the child's byte");
}
