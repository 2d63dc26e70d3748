// victim: a client polls one connection for both directions and sends all 1500 requests before it reads a reply
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug: the socket is readable, and not read, over hundreds of polls, but each turn sends a request. When all are
// sent POLLOUT is no longer asked for.
#include "tcp_pair.h"

enum { COUNT = 1500, SIZE = 8 };

static void serve(int fd) {
    char request[SIZE];
    int requests = 0;
    while (read(fd, request, SIZE) == SIZE) {
        put_byte(fd, 'R');
        requests++;
    }
    need(requests == COUNT, "all requests arrived");
}

int main(void) {
    limit();
    int ends[2];
    tcp_pair(ends);
    pid_t server = fork_child();
    if (server == 0) {
        close(ends[0]);
        serve(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    int sent = 0, received = 0;
    while (received < COUNT) {
        struct pollfd entry = {.fd = ends[0], .events = sent < COUNT ? POLLIN | POLLOUT : POLLIN};
        need(poll(&entry, 1, -1) == 1, "poll");
        if (entry.revents & POLLOUT) {
            need(send(ends[0], "request\n", SIZE, 0) == SIZE, "a request");
            sent++;
        } else if (sent == COUNT) {
            char replies[4096];
            ssize_t size = read(ends[0], replies, sizeof replies);
            need(size > 0, "replies");
            received += size;
        }
    }
    need(received == COUNT, "as many replies as requests");
    close(ends[0]);
    need_success(server);
    return 0;
}
