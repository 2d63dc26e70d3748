// victim: a process spins for seconds on a pipe with a byte that it does not read, as one finds it with top
// light: yes
// expect: busy-poll severity=error kind=pipe victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: nobody reads the pipe. It lasts by the clock and not by count, since how long a spin burns its core is what
// scope light sees of it.
#include "victim.h"

#include <time.h>

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(void) {
    limit();
    int ends[2];
    need(pipe(ends) == 0, "pipe");
    put_byte(ends[1], 'A');
    double end = seconds() + 2;
    while (seconds() < end) wait_input(ends[0]);
    return 0;
}
