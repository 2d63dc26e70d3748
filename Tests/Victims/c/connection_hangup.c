// victim: a child shuts down the connection that it inherited, and the parent's poll says so (XCloseDisplay in a child)
// expect: shared-connection severity=error kind=socket actor=child victim=root
// forbid: busy-poll
//
// The bug: shutdown(2) ends the connection itself, not the child's copy. The parent sees it by POLLHUP and gives up,
// without another read or write: so Xlib ends the program with its I/O error.
#include "connection_server.h"

int main(void) {
    char text[64];
    limit();
    int fd = connect_to_server();
    need(write(fd, "hello", 5) == 5 && read(fd, text, sizeof text) == 5, "talking before the fork");
    pid_t child = fork_child();
    if (child == 0) {
        need(write(fd, "sync", 4) == 4 && read(fd, text, sizeof text) == 4, "the child says its last word");
        need(shutdown(fd, SHUT_RDWR) == 0, "shutdown");
        close(fd);
        _exit(0);
    }
    need_success(child);
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT};
    need(poll(&entry, 1, -1) == 1 && entry.revents & POLLHUP, "the connection has ended");
    return 0;
}
