// A server of one connection: it answers each line with the same line.
#pragma once
#include "tcp_pair.h"

static inline void *serve(void *argument) {
    int fd = *(int *)argument;
    char text[64];
    ssize_t size;
    while ((size = read(fd, text, sizeof text)) > 0) {
        // TCP may bring it together with what was written before.
        if (memchr(text, 'Q', (size_t)size)) break;
        if (write(fd, text, size) != size) break;
    }
    close(fd);
    return NULL;
}

// A client's end; the server runs in a process of its own.
static inline int connect_to_server(void) {
    int ends[2];
    tcp_pair(ends);
    pid_t server = fork_child();
    if (server == 0) {
        close(ends[0]);
        serve(&ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}
