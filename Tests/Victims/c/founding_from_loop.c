// victim: the founding program with the fork in a callback of the loop: the flag is clear and the child is silent
// clean: yes
// forbid: foreign-wakeup-write
// forbid: busy-poll
//
// No bug: the loop thread forks after check, with the flag clear, so the child's wakeup writes nothing. The wakeups
// that are written come from a thread of the parent and are read, one for one.
#include "founding.h"

enum { ROUNDS = 5 };

static struct context context = {.lock = PTHREAD_MUTEX_INITIALIZER};
static sem_t asleep;

static void *wake(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        wait_for(&asleep);
        need(wakeup(&context), "the loop slept");
    }
    return unused;
}

int main(void) {
    limit();
    int ends[2];
    need(pipe(ends) == 0, "pipe");
    context.read_end = ends[0];
    context.write_end = ends[1];
    sem_init(&asleep, 0, 0);
    pthread_t thread = start(wake);
    for (int i = 0; i < ROUNDS; i++) {
        prepare(&context);
        sem_post(&asleep);
        need(wait_input(context.read_end) == POLLIN, "the pipe was readable");
        need(check(&context), "the wakeup was the parent's own");
        pid_t child = fork_child();
        if (child == 0) {
            need(!wakeup(&context), "the child's flag was clear");
            _exit(0);
        }
        need_success(child);
    }
    finish(thread);
    need(context.reads == ROUNDS, "one read for each wakeup");
    return 0;
}
