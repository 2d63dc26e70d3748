// victim: 5000 chunks go through a pipe from a forked child to the parent, with a poll before each read
// clean: yes
// forbid: foreign-wakeup-write
// forbid: busy-poll
//
// No bug: poll returns at once again and again because there is work to do; the bytes grow.
#include "victim.h"

enum { CHUNKS = 5000, SIZE = 256 };

int main(void) {
    limit();
    int ends[2];
    char chunk[SIZE];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    pid_t child = fork_child();
    if (child == 0) {
        close(ends[0]);
        for (int i = 0; i < CHUNKS; i++) {
            memset(chunk, 'a' + i % 26, SIZE);
            need(write(ends[1], chunk, SIZE) == SIZE, "a chunk is written");
        }
        _exit(0);
    }
    close(ends[1]);
    for (int i = 0; i < CHUNKS; i++) {
        need(wait_input(ends[0]) & POLLIN, "a chunk is ready");
        need(read(ends[0], chunk, SIZE) == SIZE && chunk[0] == 'a' + i % 26, "a chunk is read");
    }
    wait_input(ends[0]);
    need(read(ends[0], chunk, SIZE) == 0, "the end");
    need_success(child);
    return 0;
}
