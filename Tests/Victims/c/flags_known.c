// victim: processes that set O_NONBLOCK on what they share and know it, or put it back, or ask for it per call
// clean: yes
// forbid: shared-flag-change
//
// The twins: the flag set before the fork by the same program; a reader that polls after EAGAIN; MSG_DONTWAIT; a flag that
// is put back before the other one reads; a receive timeout.
#include "victim.h"
#include <sys/socket.h>
#include <sys/time.h>

int main(void) {
    limit();
    char byte;
    int ends[2];

    // Set before the fork, by the same program.
    need(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_SETFL, O_RDONLY | O_NONBLOCK) == 0, "pipe");
    pid_t child = fork_child();
    if (child == 0) {
        need(read(ends[0], &byte, 1) < 0 && errno == EAGAIN, "expected");
        _exit(0);
    }
    need_success(child);

    // The other one polls and goes on.
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    child = fork_child();
    if (child == 0) {
        need(fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) == 0, "F_SETFL");
        _exit(0);
    }
    need_success(child);
    need(read(pair[0], &byte, 1) < 0 && errno == EAGAIN, "EAGAIN");
    put_byte(pair[1], 'x');
    need(wait_input(pair[0]) == POLLIN && read(pair[0], &byte, 1) == 1, "after a poll");

    // Put back.
    int back[2];
    need(pipe2(back, O_CLOEXEC) == 0, "pipe2");
    child = fork_child();
    if (child == 0) {
        need(fcntl(back[0], F_SETFL, O_RDONLY | O_NONBLOCK) == 0, "F_SETFL");
        need(fcntl(back[0], F_SETFL, O_RDONLY) == 0, "put back");
        put_byte(back[1], 'x');
        _exit(0);
    }
    need_success(child);
    need(read(back[0], &byte, 1) == 1, "what it wrote");

    // Per call, and by a timeout.
    int other[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other) == 0, "socketpair");
    child = fork_child();
    if (child == 0) _exit(0);
    need_success(child);
    need(recv(other[0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "MSG_DONTWAIT");
    struct timeval timeout = {.tv_usec = 50000};
    need(setsockopt(other[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0, "SO_RCVTIMEO");
    need(recv(other[0], &byte, 1, 0) < 0 && errno == EAGAIN, "the timeout");
    return 0;
}
