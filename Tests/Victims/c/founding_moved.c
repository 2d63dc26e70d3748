// victim: the founding bug on a pipe whose ends dup2 and F_DUPFD moved to other numbers before the loop began
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: see founding_pipe.c. Nobody ever made a channel on the numbers by which the pipe is used.
#include "founding_loop.h"

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    int read_end = fcntl(ends[0], F_DUPFD_CLOEXEC, 40);
    need(read_end >= 40 && dup2(ends[1], 37) == 37, "the ends were moved");
    close(ends[0]);
    close(ends[1]);
    // The first numbers are files' now.
    int files[2] = {open("/dev/null", O_RDWR | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC)};
    need(files[0] == ends[0] && files[1] == ends[1], "the first numbers were used again");
    founding_loop(read_end, 37);
    return 0;
}
