// victim: POLLOUT stays armed after the last reply was sent: an idle connection is always writable, poll never sleeps
// expect: busy-poll severity=error kind=socketpair victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: interest in POLLOUT has to end with the queue of output.
#include "victim.h"
#include <sys/socket.h>

int main(void) {
    limit();
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "socketpair");
    const char *queue = "replies\n";
    int idle = 0;
    while (idle < SPIN) {
        struct pollfd entry = {.fd = ends[0], .events = POLLIN | POLLOUT};
        need(poll(&entry, 1, -1) == 1 && entry.revents == POLLOUT, "the socket was writable");
        if (*queue) {
            ssize_t size = write(ends[0], queue, 4);
            need(size > 0, "sending");
            queue += size;
        } else {
            idle++;
        }
    }
    return 0;
}
