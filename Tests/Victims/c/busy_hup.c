// victim: a pipe whose only writer is gone is polled for ever: POLLHUP is returned, and the loop looks for POLLIN alone
// expect: busy-poll severity=error kind=pipe victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: poll reports POLLHUP whether asked or not. The loop neither reads the end of file nor drops the
// descriptor. The child's message is plain data, from one writer to one reader.
#include "victim.h"

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    pid_t child = fork_child();
    if (child == 0) {
        close(ends[0]);
        need(write(ends[1], "done\n", 5) == 5, "the child's message");
        _exit(0);
    }
    close(ends[1]);
    char message[16];
    int received = 0, hangups = 0;
    while (hangups < SPIN) {
        short ready = wait_input(ends[0]);
        if (ready & POLLIN)
            received += read(ends[0], message, sizeof message);
        else
            hangups++;
    }
    need(received == 5, "the message arrived");
    need_success(child);
    return 0;
}
