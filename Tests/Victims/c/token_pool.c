// victim: forked workers and their parent take 1-byte tokens from one pipe and return them (a jobserver without exec)
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
//
// No bug: all of them read and write alike. Whoever finds the pipe empty waits for a token, and any token will do, so
// that nobody is robbed; a byte that a child writes is a token and wakes no loop.
#include "victim.h"

enum { WORKERS = 3, TOKENS = 2, TURNS = 100 };

static int ends[2];

static void take_turns(void) {
    for (int i = 0; i < TURNS; i++) {
        char token;
        wait_input(ends[0]);
        // Another worker may have been faster: then this blocks until a token is back.
        need(read(ends[0], &token, 1) == 1 && token == '+', "a token");
        put_byte(ends[1], token);
    }
}

int main(void) {
    limit();
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    for (int i = 0; i < TOKENS; i++) put_byte(ends[1], '+');
    pid_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = fork_child();
        if (workers[i] == 0) {
            take_turns();
            _exit(0);
        }
    }
    take_turns();
    for (int i = 0; i < WORKERS; i++) need_success(workers[i]);
    char tokens[TOKENS + 1];
    need(read(ends[0], tokens, sizeof tokens) == TOKENS, "all tokens are back");
    return 0;
}
