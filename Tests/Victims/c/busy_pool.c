// victim: four threads wait on one epoll set; an eventfd in it is readable and read by none: 450 returns for each
// expect: busy-poll severity=error kind=eventfd victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: each of the pool leaves the wakeup to another. No thread alone comes to 512 returns; the process does.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { THREADS = 4, RETURNS = 450 };

static int epoll;

static void *loop(void *unused) {
    for (int i = 0; i < RETURNS; i++) {
        struct epoll_event event;
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.events == EPOLLIN, "the eventfd was ready");
    }
    return unused;
}

int main(void) {
    limit();
    int wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = wakeup};
    need(wakeup >= 0 && epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) == 0, "epoll");
    put_count(wakeup);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) threads[i] = start(loop);
    for (int i = 0; i < THREADS; i++) finish(threads[i]);
    return 0;
}
