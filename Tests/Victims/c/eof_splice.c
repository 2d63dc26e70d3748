// victim: a proxy takes a child's output by splice to its end; a helper that the child left behind keeps the writing end
// expect: eof-never-comes severity=error kind=pipe victim=root
//
#include "victim.h"

int main(void) {
    limit();
    int ends[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    sem_t *done = shared_memory(sizeof *done);
    shared_semaphore(done);
    need(null >= 0 && pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    pid_t child = fork_child();
    if (child == 0) {
        close(ends[0]);
        put_byte(ends[1], 'x');
        if (fork_child() == 0) {
            usleep(1800000);
            sem_post(done);
        }
        _exit(0);
    }
    close(ends[1]);
    while (splice(ends[0], NULL, null, NULL, 4096, 0) > 0) {}
    wait_for(done);
    need_success(child);
    return 0;
}
