// victim: a loop computes its timeout from a deadline that has passed and stays in the list, so that it is always 0
// expect: zero-timeout-spin kind=epoll victim=root
// forbid: busy-poll
//
#include "victim.h"
#include "clock.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
    limit();
    int wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = wakeup};
    need(epoll_ctl(loop, EPOLL_CTL_ADD, wakeup, &event) == 0, "epoll_ctl");
    double deadline = seconds() + 0.02;
    for (int turns = 0; turns < SPIN;) {
        double left = deadline - seconds();
        int timeout = left > 0 ? (int)(left * 1000) + 1 : 0;
        need(epoll_wait(loop, &event, 1, timeout) == 0, "nothing is there");
        if (timeout == 0) turns++;
    }
}
