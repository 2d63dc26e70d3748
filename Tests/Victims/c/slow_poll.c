// victim: a pipe stays readable and is not read, but between two polls the program sleeps for 2 ms, 600 times
// clean: yes
// forbid: busy-poll
//
// No bug, or none that burns a core: the program looks at a status now and then and is idle for the rest.
#include "victim.h"
#include <time.h>

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    put_byte(ends[1], 's');
    for (int i = 0; i < 600; i++) {
        need(wait_input(ends[0]) == POLLIN, "the pipe was readable");
        struct timespec pause = {.tv_nsec = 2000000};
        need(nanosleep(&pause, NULL) == 0, "nanosleep");
    }
    return 0;
}
