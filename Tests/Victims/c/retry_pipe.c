// victim: a pipe without O_NONBLOCK's counterpart, a wait: read returns EAGAIN and is made again at once
// expect: retry-spin kind=pipe victim=root
// forbid: busy-poll
// forbid: zero-timeout-spin
//
#include "victim.h"

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
    char byte;
    for (int turn = 0; turn < SPIN; turn++) need(read(ends[0], &byte, 1) == -1 && errno == EAGAIN, "it is empty");
}
