// victim: Apache's pipe of death: the parent writes one byte for each child that is to end; all children poll and read
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug: a byte ends one child, whichever is the first to read it. The others get EAGAIN and wait on; none of them
// was meant more than another.
#include "victim.h"

enum { CHILDREN = 4 };

static int ends[2];
static sem_t *ready;

static void serve(void) {
    sem_post(ready);
    for (;;) {
        char order;
        wait_input(ends[0]);
        ssize_t size = read(ends[0], &order, 1);
        if (size == 1) _exit(order == '!' ? 0 : 1);
        need(size < 0 && errno == EAGAIN, "another child was faster");
    }
}

int main(void) {
    limit();
    ready = shared_memory(sizeof *ready);
    shared_semaphore(ready);
    need(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
    for (int i = 0; i < CHILDREN; i++)
        if (fork_child() == 0) serve();
    for (int i = 0; i < CHILDREN; i++) wait_for(ready);
    for (int i = 0; i < CHILDREN; i++) {
        put_byte(ends[1], '!');
        need_success(-1);
    }
    return 0;
}
