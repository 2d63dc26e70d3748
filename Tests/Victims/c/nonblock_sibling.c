// victim: a child sets O_NONBLOCK on the work pipe that its parent reads without a loop; the parent gets EAGAIN
// expect: shared-flag-change severity=error kind=pipe actor=child victim=root
// forbid: foreign-read
//
// The bug: the flag is the open file's. What was a blocking read is an error now.
#include "victim.h"

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    put_byte(ends[1], 'x');
    char byte;
    need(read(ends[0], &byte, 1) == 1, "a first read");
    pid_t child = fork_child();
    if (child == 0) {
        need(fcntl(ends[0], F_SETFL, O_RDONLY | O_NONBLOCK) == 0, "F_SETFL");
        _exit(0);
    }
    need_success(child);
    need(read(ends[0], &byte, 1) < 0 && errno == EAGAIN, "EAGAIN where it blocked");
    return 0;
}
