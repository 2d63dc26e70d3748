// victim: the founding bug with own wakeups during the spin: each writes one byte and reads one, so one always stays
// light: yes
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
// note: first in, first out: an own wakeup's read takes the child's byte and leaves the own one
//
// The bug: as in founding_pipe.c. That the loop reads now and then does not end the spin; 700 returns lie between
// reads.
#include "founding.h"
#include <sys/ioctl.h>

enum { OWN_WAKEUPS = 4, BETWEEN = 700 };

static struct context context = {.lock = PTHREAD_MUTEX_INITIALIZER};
static sem_t asleep, due;

static void *start_child_then_wake(void *unused) {
    wait_for(&asleep);
    pid_t child = fork_child();
    if (child == 0) {
        need(wakeup(&context), "the child's flag was set");
        _exit(0);
    }
    need_success(child);
    for (int i = 0; i < OWN_WAKEUPS; i++) {
        wait_for(&due);
        while (!wakeup(&context)) sched_yield();  // awake for the moment between check and prepare
    }
    return unused;
}

int main(void) {
    limit();
    int ends[2], unread;
    need(pipe(ends) == 0, "pipe");
    context.read_end = ends[0];
    context.write_end = ends[1];
    sem_init(&asleep, 0, 0);
    sem_init(&due, 0, 0);
    pthread_t thread = start(start_child_then_wake);
    prepare(&context);
    sem_post(&asleep);
    for (int since = 0; context.reads < OWN_WAKEUPS || since < BETWEEN;) {
        need(wait_input(context.read_end) == POLLIN, "the pipe was readable");
        since = check(&context) ? 0 : since + 1;
        if (since == BETWEEN && context.reads < OWN_WAKEUPS) sem_post(&due);
        prepare(&context);
    }
    finish(thread);
    need(ioctl(context.read_end, FIONREAD, &unread) == 0 && unread == 1, "one byte stayed in the pipe");
    return 0;
}
