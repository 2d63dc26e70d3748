// victim: a transfer is turned without waiting: poll with a timeout of 0, and SIGPIPE ignored around it (curl_multi_perform)
// expect: zero-timeout-spin kind=socket victim=root
// forbid: busy-poll
//
// The bug: nobody waits between the turns. Setting a signal's disposition, or asking a socket for its error, is no work.
#include "tcp_pair.h"

int main(void) {
    limit();
    int ends[2];
    tcp_pair(ends);
    for (int turns = 0; turns < SPIN; turns++) {
        int error;
        socklen_t size = sizeof error;
        struct pollfd entry = {.fd = ends[0], .events = POLLIN};
        signal(SIGPIPE, SIG_IGN);
        need(getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0, "getsockopt");
        need(poll(&entry, 1, 0) == 0, "nothing is there");
        signal(SIGPIPE, SIG_DFL);
    }
    return 0;
}
