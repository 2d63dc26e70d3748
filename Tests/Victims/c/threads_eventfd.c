// victim: a thread wakes the loop of its own process 2000 times through an eventfd, which the loop drains each time
// clean: yes
// forbid: foreign-wakeup-write
// forbid: busy-poll
//
// No bug: writer and reader are one process, and each wakeup is read.
#include "victim.h"
#include <sys/eventfd.h>

enum { WAKEUPS = 2000 };

static int wakeup;
static sem_t drained;

static void *wake(void *unused) {
    for (int i = 0; i < WAKEUPS; i++) {
        put_count(wakeup);
        wait_for(&drained);
    }
    return unused;
}

int main(void) {
    limit();
    wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    need(wakeup >= 0 && sem_init(&drained, 0, 0) == 0, "eventfd");
    pthread_t thread = start(wake);
    for (int i = 0; i < WAKEUPS; i++) {
        uint64_t count;
        wait_input(wakeup);
        need(read(wakeup, &count, sizeof count) == sizeof count && count == 1, "one wakeup was drained");
        sem_post(&drained);
    }
    finish(thread);
    return 0;
}
