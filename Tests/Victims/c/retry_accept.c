// victim: accept fails with EMFILE, and epoll tells of the same connection again
// expect: retry-spin kind=socket victim=root
// expect: busy-poll kind=socket cause=retry-spin
//
#include "victim.h"
#include "loopback.h"
#include <sys/epoll.h>
#include <sys/resource.h>

int main(void) {
    limit();
    struct sockaddr_in address;
    int listener = listening(&address);
    need(fcntl(listener, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    need(epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event) == 0, "epoll_ctl");
    int last = connecting(&address);
    struct rlimit few = {(rlim_t)last + 1, (rlim_t)last + 1};
    need(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    for (int turn = 0; turn < SPIN; turn++) {
        need(epoll_wait(loop, &event, 1, -1) == 1, "the connection is told of");
        need(accept(listener, NULL, NULL) == -1 && errno == EMFILE, "no descriptor is free");
    }
}
