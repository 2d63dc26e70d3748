// victim: the founding bug on a pipe whose ends lie above 1024, where a program with many connections has them
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: see founding_pipe.c. One end is made there, since all below is taken; the other is moved further up.
#include "founding_loop.h"
#include <sys/resource.h>

int main(void) {
    limit();
    struct rlimit numbers;
    need(getrlimit(RLIMIT_NOFILE, &numbers) == 0, "getrlimit");
    numbers.rlim_cur = 2048;
    need(setrlimit(RLIMIT_NOFILE, &numbers) == 0, "2048 descriptors are allowed");
    int ends[2];
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) < 1030) continue;
    need(pipe2(ends, O_CLOEXEC) == 0 && ends[0] > 1024, "the pipe lies above 1024");
    int write_end = fcntl(ends[1], F_DUPFD_CLOEXEC, 2000);
    need(write_end >= 2000, "its write end was moved");
    close(ends[1]);
    founding_loop(ends[0], write_end);
    return 0;
}
