// victim: a parent reads what its child wrote and waits for the end, but has not closed its own writing end
// expect: eof-never-comes severity=error kind=pipe victim=root
#include "victim.h"

static void wake(int number) { (void)number; }

int main(void) {
    int ends[2];
    char text[16];
    limit();
    need(pipe(ends) == 0, "pipe");
    pid_t child = fork_child();
    if (child == 0) {
        close(ends[0]);
        need(write(ends[1], "hello", 5) == 5, "writing");
        _exit(0);
    }
    need_success(child);
    need(read(ends[0], text, sizeof text) == 5, "reading what was written");
    struct sigaction action = {.sa_handler = wake};
    sigaction(SIGALRM, &action, NULL);
    alarm(2);
    need(read(ends[0], text, sizeof text) == -1 && errno == EINTR, "waiting for the end in vain");
    return 0;
}
