// victim: at most 3 jobs at a time: the parent takes a 1-byte token from a pipe for each job; the forked job returns it
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug, with the signs of one: children that never exec write one constant byte to a pipe that their parent writes
// too, and polls, and whose bytes it throws away. But a byte lets the parent go on, and is read for that.
#include "victim.h"

enum { TOKENS = 3, JOBS = 24 };

static int ends[2];

static void take_token(void) {
    char token;
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};
    int ready;
    do ready = poll(&entry, 1, 200);
    while (ready == 0);
    need(ready == 1, "poll");
    need(read(ends[0], &token, 1) == 1 && token == '+', "a token");
}

int main(void) {
    limit();
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    for (int i = 0; i < TOKENS; i++) put_byte(ends[1], '+');
    for (int i = 0; i < JOBS; i++) {
        take_token();
        pid_t job = fork_child();
        if (job == 0) {
            usleep(10000 + i % 5 * 1000);
            put_byte(ends[1], '+');
            _exit(0);
        }
    }
    for (int i = 0; i < JOBS; i++) need_success(-1);
    for (int i = 0; i < TOKENS; i++) take_token();
    return 0;
}
