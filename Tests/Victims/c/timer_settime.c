// victim: a timerfd is polled 600 times and never read: each time timerfd_settime sets it anew
// clean: yes
// forbid: busy-poll
//
// No bug: timerfd_settime takes the readiness away as a read would (systemd's and libevent's way).
#include "victim.h"
#include <sys/timerfd.h>

int main(void) {
    limit();
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    need(timer >= 0, "timerfd_create");
    struct itimerspec soon = {.it_value.tv_nsec = 200000}, never = {0};
    for (int i = 0; i < 600; i++) {
        need(timerfd_settime(timer, 0, &soon, NULL) == 0, "timerfd_settime");
        need(wait_input(timer) == POLLIN, "the timer expired");
    }
    need(timerfd_settime(timer, 0, &never, NULL) == 0, "timerfd_settime");
    struct pollfd entry = {.fd = timer, .events = POLLIN};
    need(poll(&entry, 1, 0) == 0, "settime took the readiness away");
    return 0;
}
