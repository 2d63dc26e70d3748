// victim: each forked child says that it is ready by one byte in a pipe, which the parent polls for and reads
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
//
// No bug: the byte is a message for the parent, which reads it and goes on because of it. That both keep both ends is
// careless and no more.
#include "victim.h"

enum { CHILDREN = 3 };

int main(void) {
    limit();
    for (int i = 0; i < CHILDREN; i++) {
        int ends[2];
        char message;
        need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
        pid_t child = fork_child();
        if (child == 0) {
            put_byte(ends[1], 'R');
            _exit(0);
        }
        wait_input(ends[0]);
        need(read(ends[0], &message, 1) == 1 && message == 'R', "the child was ready");
        need_success(child);
        close(ends[0]);
        close(ends[1]);
    }
    return 0;
}
