// victim: a child says goodbye by the connection that it inherited when it ends, as a database client's cleanup does
// expect: shared-connection severity=error kind=socket actor=child victim=root
#include "connection_server.h"

int main(void) {
    char text[64];
    limit();
    signal(SIGPIPE, SIG_IGN);
    int fd = connect_to_server();
    need(write(fd, "hello", 5) == 5 && read(fd, text, sizeof text) == 5, "talking before the fork");
    pid_t child = fork_child();
    if (child == 0) {
        need(write(fd, "Quit", 4) == 4, "goodbye");
        close(fd);
        _exit(0);
    }
    need_success(child);
    need(write(fd, "again", 5) == 5, "the parent asks");
    need(read(fd, text, sizeof text) <= 0, "the connection has ended");
    return 0;
}
