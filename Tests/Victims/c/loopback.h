// TCP connections within this machine.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static inline int listening(struct sockaddr_in *address) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof *address;
    need(bind(listener, (struct sockaddr *)address, length) == 0 && listen(listener, 8) == 0, "listen");
    need(getsockname(listener, (struct sockaddr *)address, &length) == 0, "getsockname");
    return listener;
}

static inline int connecting(const struct sockaddr_in *address) {
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(connection, (const struct sockaddr *)address, sizeof *address) == 0, "connect");
    return connection;
}

static inline void connected_pair(int ends[2]) {
    struct sockaddr_in address;
    int listener = listening(&address);
    ends[1] = connecting(&address);
    ends[0] = accept(listener, NULL, NULL);
    need(ends[0] >= 0, "accept");
    close(listener);
}
