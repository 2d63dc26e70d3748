// victim: a loop of today (GLib 2.74): an eventfd drained after each wakeup; a forked child writes it too
// expect: foreign-wakeup-write severity=warning kind=eventfd actor=child victim=root
// forbid: busy-poll
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: the child wakes a loop that is not its own. The loop drains and goes back to sleep, so the harm is no more
// than wakeups for nothing: a warning.
#include "victim.h"
#include <sys/eventfd.h>

enum { EACH = 10 };

static int eventfd_of_loop;
static sem_t *drained;

static void wake(int times) {
    for (int i = 0; i < times; i++) {
        put_count(eventfd_of_loop);
        wait_for(drained);
    }
}

static void *use_and_fork(void *unused) {
    wake(EACH);
    pid_t child = fork_child();
    if (child == 0) {
        wake(EACH);
        _exit(0);
    }
    need_success(child);
    wake(EACH);
    return unused;
}

int main(void) {
    limit();
    drained = shared_memory(sizeof *drained);
    shared_semaphore(drained);
    eventfd_of_loop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    need(eventfd_of_loop >= 0, "eventfd");
    pthread_t thread = start(use_and_fork);
    uint64_t count;
    for (int wakeups = 0; wakeups < 3 * EACH; wakeups++) {
        wait_input(eventfd_of_loop);
        need(read(eventfd_of_loop, &count, sizeof count) == sizeof count && count == 1, "one wakeup was drained");
        sem_post(drained);
    }
    finish(thread);
    need(read(eventfd_of_loop, &count, sizeof count) < 0 && errno == EAGAIN, "nothing was left over");
    return 0;
}
