// Two ends of one TCP connection over loopback.
#pragma once
#include "victim.h"
#include <netinet/in.h>
#include <sys/socket.h>

static inline void tcp_pair(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0, "bind");
    need(listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0, "listen");
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(ends[0] >= 0 && connect(ends[0], (struct sockaddr *)&address, size) == 0, "connect");
    ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    need(ends[1] >= 0, "accept4");
    close(listener);
}
