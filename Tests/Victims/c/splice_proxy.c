// victim: a proxy moves 1500 chunks from a pipe into a connection by splice, and polls for POLLOUT before each
// clean: yes
// forbid: foreign-wakeup-write
// forbid: busy-poll
//
// No bug: poll returns POLLOUT at once again and again because there is something to send. That it is sent shows in the
// splice alone: the socket is never written to by a write.
#include "tcp_pair.h"

enum { CHUNKS = 1500, SIZE = 512 };

static void receive_all(int fd) {
    char buffer[65536];
    long total = 0;
    ssize_t size;
    while ((size = read(fd, buffer, sizeof buffer)) > 0) total += size;
    need(size == 0 && total == (long)CHUNKS * SIZE, "all arrived");
}

int main(void) {
    limit();
    int ends[2], pipe_ends[2];
    tcp_pair(ends);
    need(pipe2(pipe_ends, O_CLOEXEC) == 0, "pipe2");
    pid_t peer = fork_child();
    if (peer == 0) {
        close(ends[0]);
        receive_all(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    char chunk[SIZE];
    memset(chunk, 'c', SIZE);
    for (int i = 0; i < CHUNKS; i++) {
        need(write(pipe_ends[1], chunk, SIZE) == SIZE, "a chunk");
        struct pollfd entry = {.fd = ends[0], .events = POLLOUT};
        need(poll(&entry, 1, -1) == 1 && entry.revents == POLLOUT, "the socket was writable");
        need(splice(pipe_ends[0], NULL, ends[0], NULL, SIZE, 0) == SIZE, "splice");
    }
    close(ends[0]);
    need_success(peer);
    return 0;
}
