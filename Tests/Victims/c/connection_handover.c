// victim: a server's child without rights talks with the client first and ends; then the parent goes on (sshd's way)
// clean: yes
// forbid: shared-connection
//
// No bug: each has all bytes of its time, since the other does not touch the connection then, and the child is gone before
// the parent goes on. It came by accept(2): who serves a client is the server's affair.
#include "tcp_pair.h"

enum { WORDS = 5, CLIENTS = 3 };

static void ask(int fd, const char *word) {
    char text[64];
    for (int i = 0; i < WORDS; i++) {
        need(write(fd, word, 5) == 5, "the client asks");
        need(read(fd, text, sizeof text) == 5 && memcmp(text, word, 5) == 0, "the client is answered");
    }
}

static void answer(int fd) {
    char text[64];
    for (int i = 0; i < WORDS; i++) {
        need(read(fd, text, sizeof text) == 5, "the server reads");
        need(write(fd, text, 5) == 5, "the server answers");
    }
}

static void call(struct sockaddr_in address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    ask(fd, "login");
    ask(fd, "shell");
    _exit(0);
}

int main(void) {
    limit();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0, "bind");
    need(listen(listener, 2) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0, "listen");
    for (int i = 0; i < CLIENTS; i++) {
        pid_t client = fork_child();
        if (client == 0) call(address);
        need(wait_input(listener) == POLLIN, "a client calls");
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        need(fd >= 0, "accept4");
        pid_t child = fork_child();
        if (child == 0) {
            answer(fd);
            _exit(0);
        }
        need_success(child);
        answer(fd);
        need_success(client);
        close(fd);
    }
    return 0;
}
