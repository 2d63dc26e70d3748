// victim: GLib 2.24's wakeup pipe: a thread forks while the loop sleeps, the child writes "A", the parent spins
// light: yes
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: the child's copy of the flag says that the loop sleeps, so it writes. The parent's own flag says that
// nobody has woken it, so it never reads: poll returns at once for ever, also after the child is dead.
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

int main(void) {
    limit();
    int ends[2];
    need(pipe(ends) == 0, "pipe");
    context.read_end = ends[0];
    context.write_end = ends[1];
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
    return 0;
}
