// victim: a thread dup2s a log file's pipe over the number of the loop's eventfd while the loop polls it
// expect: fd-clobbered severity=error kind=eventfd victim=root
// forbid: ghost-epoll-entry
//
// The bug: the library believes that the number is its own. The loop then reads from whatever it finds there.
#include "victim.h"
#include <sys/eventfd.h>

static int wakeup;
static sem_t asleep;

static void *library(void *unused) {
    wait_for(&asleep);
    usleep(50000);
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    need(write(ends[1], "messages", 8) == 8, "the log");
    need(dup2(ends[0], wakeup) == wakeup, "dup2");
    close(ends[0]);
    return unused;
}

int main(void) {
    limit();
    wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    need(wakeup > 2, "eventfd");
    sem_init(&asleep, 0, 0);
    pthread_t thread = start(library);
    struct pollfd entry = {.fd = wakeup, .events = POLLIN};
    sem_post(&asleep);
    need(poll(&entry, 1, 300) == 1, "at its timeout poll looks at the number again");
    finish(thread);
    uint64_t count;
    need(read(wakeup, &count, sizeof count) == sizeof count && count > UINT32_MAX, "which holds what is no count");
    return 0;
}
