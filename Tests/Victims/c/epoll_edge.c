// victim: an eventfd in an edge-triggered epoll set is written 2000 times by a thread and never read
// clean: yes
// forbid: foreign-wakeup-write
// forbid: busy-poll
//
// No bug: with EPOLLET the wait itself consumes the readiness, and each return was caused by a write of its own
// (libuv's and tokio's way).
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { WAKEUPS = 2000 };

static int wakeup;
static sem_t seen;

static void *wake(void *unused) {
    for (int i = 0; i < WAKEUPS; i++) {
        put_count(wakeup);
        wait_for(&seen);
    }
    return unused;
}

int main(void) {
    limit();
    wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = wakeup};
    need(wakeup >= 0 && epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) == 0, "epoll");
    need(sem_init(&seen, 0, 0) == 0, "sem_init");
    pthread_t thread = start(wake);
    for (int i = 0; i < WAKEUPS; i++) {
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.events == EPOLLIN, "one edge");
        sem_post(&seen);
    }
    finish(thread);
    need(epoll_wait(epoll, &event, 1, 0) == 0, "no edge without a write");
    return 0;
}
