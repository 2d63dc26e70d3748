// victim: the founding bug in a service that made its pipe as root and became another user before its loop began
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
// note: run by an ordinary user it stays who it is
//
// The bug: see founding_pipe.c. What was root's to do cannot be done any more when the pipe matters.
#include "founding_loop.h"

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    if (getuid() == 0) need(setgid(65534) == 0 && setuid(65534) == 0, "another user");
    founding_loop(ends[0], ends[1]);
    return 0;
}
