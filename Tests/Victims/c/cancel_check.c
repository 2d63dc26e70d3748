// victim: a copy asks after each block whether it is cancelled, by a pipe that never has anything
// clean: yes
// forbid: retry-spin
// forbid: zero-timeout-spin
// note: reads and writes of files do not stop in scope wakeups
//
#include "victim.h"

int main(void) {
    limit();
    int cancelled[2];
    need(pipe2(cancelled, O_NONBLOCK) == 0, "pipe2");
    int from = open("/dev/zero", O_RDONLY), to = open("/dev/null", O_WRONLY);
    char block[4096];
    for (int count = 0; count < 2 * SPIN; count++) {
        need(read(from, block, sizeof block) == sizeof block, "read");
        need(write(to, block, sizeof block) == sizeof block, "write");
        need(read(cancelled[0], block, 1) == -1 && errno == EAGAIN, "not cancelled");
    }
    struct pollfd entry = {.fd = cancelled[0], .events = POLLIN};
    for (int count = 0; count < 2 * SPIN; count++) {
        need(pread(from, block, sizeof block, 0) == sizeof block, "pread");
        need(poll(&entry, 1, 0) == 0, "not cancelled");
    }
}
