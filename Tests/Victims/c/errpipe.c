// victim: fork, exec and a CLOEXEC pipe that brings exec's error: one exec fails, and the child writes errno; one works
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
//
// No bug: the stretch between fork and exec writes at most one message, and exec or exit closes the write end
// (CPython's subprocess, GLib's g_spawn, Go).
#include "victim.h"

// 0, or errno of exec in the child.
static int run(const char *path) {
    int ends[2], error = 0;
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    pid_t child = fork_child();
    if (child == 0) {
        execl(path, path, (char *)NULL);
        error = errno;
        need(write(ends[1], &error, sizeof error) == sizeof error, "writing the error");
        _exit(127);
    }
    close(ends[1]);
    wait_input(ends[0]);
    ssize_t size = read(ends[0], &error, sizeof error);
    need(size == 0 || size == sizeof error, "an error or the end");
    close(ends[0]);
    int status = status_of(child);
    need(WIFEXITED(status) && WEXITSTATUS(status) == (size == 0 ? 0 : 127), "the child's status");
    return error;
}

int main(void) {
    limit();
    need(run("/nonexistent/program") == ENOENT, "exec failed");
    need(run("/bin/true") == 0, "exec worked");
    return 0;
}
