// victim: a server is restarted, but a program that it had started has kept its listening socket: EADDRINUSE
// expect: held-after-exec severity=error kind=socket actor=child
#include "tcp_pair.h"

static int bind_to(struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    need(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)address, sizeof *address) == 0) return fd;
    close(fd);
    return -1;
}

int main(void) {
    struct sockaddr_in *address = shared_memory(sizeof *address);
    socklen_t size = sizeof *address;
    pid_t *helper = shared_memory(sizeof *helper);
    limit();
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int probe = bind_to(address);
    need(probe >= 0 && getsockname(probe, (struct sockaddr *)address, &size) == 0, "a free port");
    close(probe);
    pid_t server = fork_child();
    if (server == 0) {
        int listener = bind_to(address);
        need(listener >= 0 && listen(listener, 4) == 0, "listening");
        pid_t child = fork_child();
        if (child == 0) {
            execl("/bin/sleep", "sleep", "30", (char *)NULL);
            _exit(1);
        }
        *helper = child;
        usleep(100000);
        _exit(0);
    }
    need_success(server);
    need(bind_to(address) < 0 && errno == EADDRINUSE, "the address is in use");
    need(*helper > 1 && kill(*helper, SIGKILL) == 0, "the helper was ended");
    return 0;
}
