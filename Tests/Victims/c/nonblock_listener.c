// victim: a forked child sets O_NONBLOCK on the listener that it inherited, and its parent's blocking accept comes away empty
// expect: shared-flag-change severity=error kind=socket actor=child victim=root
//
// The bug: the flag is the open file's. The parent never asked for it, and does not handle EAGAIN.
#include "victim.h"

#include "loopback.h"

int main(void) {
    limit();
    struct sockaddr_in address;
    int listener = listening(&address);
    pid_t child = fork_child();
    if (child == 0) {
        need(fcntl(listener, F_SETFL, O_NONBLOCK) == 0, "F_SETFL");
        _exit(0);
    }
    need_success(child);
    for (int i = 0; i < 3; i++) need(accept(listener, NULL, NULL) < 0 && errno == EAGAIN, "EAGAIN where it blocked");
    return 0;
}
