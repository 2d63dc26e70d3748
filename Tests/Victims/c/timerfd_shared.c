// victim: a forked child disarms the timerfd that it inherited; the parent's ticks stop
// expect: shared-flag-change severity=error kind=timerfd actor=child victim=root
//
// The bug: stopping "its" timer at start, the child stops the parent's.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/timerfd.h>

int main(void) {
    limit();
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec every = {.it_value.tv_nsec = 20000000, .it_interval.tv_nsec = 20000000};
    need(timer >= 0 && timerfd_settime(timer, 0, &every, NULL) == 0, "timerfd");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0, "epoll");
    uint64_t count;
    for (int ticks = 0; ticks < 5; ticks++)
        need(epoll_wait(epoll, &event, 1, 5000) == 1 && read(timer, &count, sizeof count) == 8, "a tick");
    pid_t child = fork_child();
    if (child == 0) {
        struct itimerspec never = {0};
        need(timerfd_settime(timer, 0, &never, NULL) == 0, "disarmed");
        _exit(0);
    }
    need_success(child);
    if (read(timer, &count, sizeof count) < 0) need(errno == EAGAIN, "read");
    need(epoll_wait(epoll, &event, 1, 600) == 0, "no tick comes");
    return 0;
}
