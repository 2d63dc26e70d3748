// victim: a client forks to copy both ways, one direction each; a server forks for its connections and closes its copies
// clean: yes
// forbid: shared-connection
#include "connection_server.h"

int main(void) {
    char text[64];
    limit();
    signal(SIGPIPE, SIG_IGN);
    int fd = connect_to_server();
    need(write(fd, "hello", 5) == 5 && read(fd, text, sizeof text) == 5, "talking before the fork");
    pid_t writer = fork_child();
    if (writer == 0) {
        for (int count = 0; count < 20; count++) {
            need(write(fd, "hello", 5) == 5, "writing");
            usleep(1000);
        }
        need(write(fd, "Quit", 4) == 4, "goodbye");
        _exit(0);
    }
    while (read(fd, text, sizeof text) > 0) continue;
    need_success(writer);
    close(fd);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    need(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 4) == 0, "listen");
    need(getsockname(listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    pid_t client = fork_child();
    if (client == 0) {
        for (int count = 0; count < 3; count++) {
            int talk = socket(AF_INET, SOCK_STREAM, 0);
            need(connect(talk, (struct sockaddr *)&address, size) == 0, "connect");
            need(write(talk, "hello", 5) == 5 && read(talk, text, sizeof text) == 5, "talking");
            need(write(talk, "Quit", 4) == 4 && read(talk, text, sizeof text) == 0, "ending");
            close(talk);
        }
        _exit(0);
    }
    for (int count = 0; count < 3; count++) {
        int talk = accept(listener, NULL, NULL);
        pid_t handler = fork_child();
        if (handler == 0) {
            serve(&talk);
            _exit(0);
        }
        close(talk);
        need_success(handler);
    }
    need_success(client);
    return 0;
}
