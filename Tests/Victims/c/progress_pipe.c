// victim: a progress queue: a forked child writes constant messages of 4 + 4 bytes; the parent polls and reads 4, 4
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
//
// No bug, with every outward sign of one (multiprocessing.Queue and put(None)): eight constant bytes, both processes
// write, both keep both ends, no exec. But the bytes are read as messages: a length, and then that many.
#include "victim.h"

enum { EACH = 50 };

static int ends[2];

static void put_nothing(void) {
    static const char message[8] = {0, 0, 0, 4, 'n', 'o', 'n', 'e'};
    need(write(ends[1], message, sizeof message) == sizeof message, "a message");
}

int main(void) {
    limit();
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    pid_t child = fork_child();
    if (child == 0) {
        for (int i = 0; i < EACH; i++) put_nothing();
        _exit(0);
    }
    for (int i = 0; i < 2 * EACH; i++) {
        char length[4], body[4];
        if (i % 2 == 0) put_nothing();
        struct pollfd entry = {.fd = ends[0], .events = POLLIN};
        need(poll(&entry, 1, 30000) == 1 && entry.revents == POLLIN, "a message came in time");
        need(read(ends[0], length, 4) == 4 && length[3] == 4, "its length");
        need(read(ends[0], body, 4) == 4 && memcmp(body, "none", 4) == 0, "its body");
    }
    need_success(child);
    return 0;
}
