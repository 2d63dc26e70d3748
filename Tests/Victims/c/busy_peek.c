// victim: a reader peeks for a whole header of 8 bytes, of which the peer has sent 3: poll, recv(MSG_PEEK), poll, ...
// expect: busy-poll severity=error kind=socket victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: poll says readable as long as there is one byte (SO_RCVLOWAT says when else), and what is peeked stays. Each
// recv returns bytes, always the same ones, so that bytes returned are no progress.
#include "tcp_pair.h"

enum { HEADER = 8 };

int main(void) {
    limit();
    sem_t *seen = shared_memory(sizeof *seen);
    shared_semaphore(seen);
    int ends[2];
    tcp_pair(ends);
    pid_t peer = fork_child();
    if (peer == 0) {
        close(ends[0]);
        need(send(ends[1], "abc", 3, 0) == 3, "the beginning of a header");
        wait_for(seen);
        need(send(ends[1], "defgh", 5, 0) == 5, "the rest of the header");
        _exit(0);
    }
    close(ends[1]);
    char header[HEADER];
    int peeks = 0;
    for (;;) {
        need(wait_input(ends[0]) & POLLIN, "the socket was readable");
        ssize_t size = recv(ends[0], header, HEADER, MSG_PEEK);
        if (size == HEADER) break;
        need(size == 3, "what was there before is there again");
        if (++peeks == SPIN) sem_post(seen);
    }
    need(peeks >= SPIN, "it spun");
    need(recv(ends[0], header, HEADER, 0) == HEADER && memcmp(header, "abcdefgh", HEADER) == 0, "the header");
    need_success(peer);
    return 0;
}
