// victim: the founding bug in a service that became another user before it made its pipe
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
// note: run by an ordinary user it stays who it is
//
// The bug: see founding_pipe.c. When the pipe comes about, the process may not be given a filter any more.
#include "founding_loop.h"

int main(void) {
    limit();
    if (getuid() == 0) need(setgid(65534) == 0 && setuid(65534) == 0, "another user");
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    founding_loop(ends[0], ends[1]);
    return 0;
}
