// victim: megabytes wait in a socket and are read in small pieces, poll before each: 4000 waits that return at once
// clean: yes
// forbid: busy-poll
//
// No bug: the twin of busy_closed_peer.c that no wait ever blocks in. Each read takes something away.
#include "tcp_pair.h"

enum { PIECES = 4000, PIECE = 64 };

int main(void) {
    limit();
    int ends[2];
    tcp_pair(ends);
    static char flood[PIECES * PIECE], piece[PIECE];
    pid_t client = fork_child();
    if (client == 0) {
        close(ends[0]);
        need(send(ends[1], flood, sizeof flood, 0) == sizeof flood, "the flood is sent");
        _exit(0);
    }
    close(ends[1]);
    for (int i = 0; i < PIECES; i++) {
        need(wait_input(ends[0]) & POLLIN, "a piece is there");
        need(recv(ends[0], piece, PIECE, MSG_WAITALL) == PIECE, "a piece is read");
    }
    need_success(client);
    return 0;
}
