// victim: a server echoes 4000 messages of a client; every wait returns at once, each is followed by a read
// clean: yes
// forbid: busy-poll
// forbid: foreign-wakeup-write
// forbid: foreign-read
//
// No bug: the twin of busy_closed_peer.c. A busy connection looks like a spin to who does not see its reads.
#include "tcp_pair.h"

enum { MESSAGES = 4000 };

int main(void) {
    limit();
    int ends[2];
    tcp_pair(ends);
    pid_t client = fork_child();
    if (client == 0) {
        close(ends[0]);
        for (int i = 0; i < MESSAGES; i++) {
            char byte = (char)i, got = 0;
            need(send(ends[1], &byte, 1, 0) == 1, "a message is sent");
            need(recv(ends[1], &got, 1, 0) == 1 && got == byte, "it came back");
        }
        _exit(0);
    }
    close(ends[1]);
    int messages = 0;
    for (;;) {
        char byte;
        need(wait_input(ends[0]) & POLLIN, "a message is there");
        ssize_t size = read(ends[0], &byte, 1);
        if (size == 0) break;
        need(size == 1 && write(ends[0], &byte, 1) == 1, "it is sent back");
        messages++;
    }
    need(messages == MESSAGES, "all messages came");
    need_success(client);
    return 0;
}
