// victim: a level-triggered timerfd has expired and is never read, so every further wait returns at once
// expect: busy-poll severity=error kind=timerfd victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: the callback runs, and forgets the read (or the settime) that makes the timer not ready again.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/timerfd.h>

int main(void) {
    limit();
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = timer};
    need(timer >= 0 && epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0, "epoll");
    struct itimerspec once = {.it_value.tv_nsec = 1000000};
    need(timerfd_settime(timer, 0, &once, NULL) == 0, "timerfd_settime");
    for (int waits = 0; waits < SPIN; waits++)
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.events == EPOLLIN, "the timer was ready");
    return 0;
}
