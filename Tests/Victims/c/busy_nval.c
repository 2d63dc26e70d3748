// victim: a descriptor was closed while the wait set still names its number: poll returns POLLNVAL at once, for ever
// expect: busy-poll severity=error victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: the loop was not told of the close and does not look at POLLNVAL. The live pipe beside it stays silent.
#include "victim.h"

int main(void) {
    limit();
    int closed[2], live[2];
    need(pipe2(live, O_CLOEXEC) == 0 && pipe2(closed, O_CLOEXEC) == 0, "pipe2");
    struct pollfd set[2] = {{.fd = live[0], .events = POLLIN}, {.fd = closed[0], .events = POLLIN}};
    close(closed[0]);
    close(closed[1]);
    for (int polls = 0; polls < SPIN; polls++) {
        need(poll(set, 2, -1) == 1, "poll returned at once");
        need(set[0].revents == 0 && set[1].revents == POLLNVAL, "the closed number was the reason");
    }
    return 0;
}
