// victim: a forked child removes the parent's wakeup eventfd from the epoll instance that they share; the parent goes deaf
// expect: shared-epoll severity=error kind=epoll actor=child victim=root
// forbid: ghost-epoll-entry
// forbid: fd-clobbered
//
// The bug: what the child means as cleaning up (EPOLL_CTL_DEL of each fd, then close) changes the one interest list. The
// parent's own thread writes the eventfd later, and the loop is not told.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int wakeup;
static sem_t asleep;

static void *waker(void *unused) {
    wait_for(&asleep);
    usleep(50000);
    put_count(wakeup);
    return unused;
}

int main(void) {
    limit();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    need(epoll >= 0 && wakeup >= 0, "epoll and eventfd");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = wakeup};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) == 0, "EPOLL_CTL_ADD");
    put_count(wakeup);
    need(epoll_wait(epoll, &event, 1, -1) == 1, "the loop works");
    uint64_t count;
    need(read(wakeup, &count, sizeof count) == sizeof count, "read");

    pid_t child = fork_child();
    if (child == 0) {
        need(epoll_ctl(epoll, EPOLL_CTL_DEL, wakeup, NULL) == 0, "EPOLL_CTL_DEL");
        close(wakeup);
        close(epoll);
        _exit(0);
    }
    need_success(child);
    sem_init(&asleep, 0, 0);
    pthread_t thread = start(waker);
    sem_post(&asleep);
    need(epoll_wait(epoll, &event, 1, 400) == 0, "the loop is deaf");
    finish(thread);
    need(read(wakeup, &count, sizeof count) == sizeof count, "there was something all the time");
    return 0;
}
