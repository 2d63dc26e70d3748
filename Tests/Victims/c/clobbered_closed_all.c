// victim: the main thread closes all descriptors while a worker polls its wakeup pipe; sockets take the numbers
// expect: fd-clobbered kind=pipe victim=root
// forbid: ghost-epoll-entry
// forbid: shared-epoll
//
// The bug: gnome-keyring with GLib 2.74, which closed what it did not know, the worker's eventfd among it. The worker goes on
// polling the numbers, which mean other things by then.
#include "victim.h"
#include <sys/eventfd.h>

static int ends[2];
static sem_t asleep;

static void *worker(void *unused) {
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};
    sem_post(&asleep);
    need(poll(&entry, 1, 200) == 1, "nobody writes the old pipe, but poll looks at the number again");
    for (int turns = 0; turns < SPIN; turns++) {
        entry.revents = 0;
        need(poll(&entry, 1, 1000) == 1, "something is ready all the time");
    }
    return unused;
}

int main(void) {
    limit();
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    sem_init(&asleep, 0, 0);
    pthread_t thread = start(worker);
    wait_for(&asleep);
    usleep(50000);
    close_range(3, ~0U, 0);
    int other = eventfd(1, EFD_CLOEXEC);
    need(other == ends[0], "the number is taken");
    finish(thread);
    return 0;
}
