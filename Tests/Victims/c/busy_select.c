// victim: select returns a readable eventfd again and again, and nobody reads it
// expect: busy-poll severity=error kind=eventfd victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
// note: glibc's select enters the kernel as pselect6; so the first half uses the system call select where there is one
//
// The bug: a wakeup that is not drained. Here the process itself wrote it; no other process is part of this.
#include "victim.h"
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>

static int plain_select(int count, fd_set *readable) {
#ifdef SYS_select
    return (int)syscall(SYS_select, count, readable, NULL, NULL, NULL);
#else
    return select(count, readable, NULL, NULL, NULL);
#endif
}

int main(void) {
    limit();
    int wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    need(wakeup >= 0, "eventfd");
    put_count(wakeup);
    for (int i = 0; i < 2 * SPIN; i++) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(wakeup, &readable);
        int ready = i < SPIN ? plain_select(wakeup + 1, &readable) : select(wakeup + 1, &readable, NULL, NULL, NULL);
        need(ready == 1 && FD_ISSET(wakeup, &readable), "the eventfd was readable");
    }
    return 0;
}
