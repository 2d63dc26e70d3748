// victim: a connection is moved to another number (dup, then close) and used by what epoll_data points to
// clean: yes
// forbid: ghost-epoll-entry
// forbid: fd-clobbered
//
// The twin: the entry outlives the number it was made with, and the program means it: each event is read under the new one.
#include "victim.h"
#include <sys/epoll.h>

struct connection {
    int fd;
};

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    struct connection connection = {.fd = ends[0]};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connection};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    connection.fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 100);
    need(connection.fd >= 100 && close(ends[0]) == 0, "moved");
    for (int turns = 0; turns < 1000; turns++) {
        put_byte(ends[1], 'x');
        need(epoll_wait(epoll, &event, 1, 5000) == 1, "told");
        char byte;
        need(read(((struct connection *)event.data.ptr)->fd, &byte, 1) == 1, "read");
    }
    return 0;
}
