// victim: a pipe whose writer is gone stays in the wait set, but after each poll the program sleeps for 400 us
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug, or none that burns a core: 1500 returns in a row without progress, and most of the time asleep.
#include "victim.h"
#include <time.h>

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    close(ends[1]);
    for (int i = 0; i < 1500; i++) {
        need(wait_input(ends[0]) == POLLHUP, "the pipe was hung up");
        struct timespec pause = {.tv_nsec = 400000};
        need(nanosleep(&pause, NULL) == 0, "nanosleep");
    }
    return 0;
}
