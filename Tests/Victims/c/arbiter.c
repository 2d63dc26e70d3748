// victim: gunicorn's arbiter: a self-pipe woken by SIGCHLD; forked workers inherit pipe and handler and use neither
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// No bug: the workers set their own signal actions before anyone signals them. They hold the arbiter's pipe; holding
// is not using.
#include "victim.h"

enum { WORKERS = 3 };

static int ends[2];
static sem_t *ready;

static void handle(int number) {
    int saved = errno;
    (void)number;
    put_byte(ends[1], '.');
    errno = saved;
}

static void work(void) {
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sem_post(ready);
    for (;;) pause();
}

int main(void) {
    limit();
    ready = shared_memory(sizeof *ready);
    shared_semaphore(ready);
    need(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    need(sigaction(SIGCHLD, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0, "sigaction");
    pid_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = fork_child();
        if (workers[i] == 0) work();
    }
    for (int i = 0; i < WORKERS; i++) wait_for(ready);
    for (int i = 0; i < WORKERS; i++) {
        char wakeups[8];
        need(kill(workers[i], SIGTERM) == 0, "kill");
        wait_input(ends[0]);
        need(read(ends[0], wakeups, sizeof wakeups) == 1, "one wakeup for one worker");
        int status = status_of(workers[i]);
        need(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "SIGTERM ended the worker");
    }
    return 0;
}
