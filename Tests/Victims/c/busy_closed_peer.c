// victim: a TCP peer has closed, and the loop, which looks for data alone, never closes its side: poll returns for ever
// expect: busy-poll severity=error kind=socket victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: "readable" also means "at its end". The message was read; then nobody reads, so nobody learns.
#include "tcp_pair.h"

int main(void) {
    limit();
    int ends[2];
    tcp_pair(ends);
    pid_t client = fork_child();
    if (client == 0) {
        close(ends[0]);
        need(send(ends[1], "quit\n", 5, 0) == 5, "the last message");
        _exit(0);
    }
    close(ends[1]);
    need_success(client);
    char message[8];
    need(recv(ends[0], message, 5, MSG_WAITALL) == 5, "the message arrived");
    for (int polls = 0; polls < SPIN; polls++) need(wait_input(ends[0]) & POLLIN, "the socket was readable");
    return 0;
}
