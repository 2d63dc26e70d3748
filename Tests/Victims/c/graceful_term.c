// victim: a forked child gets SIGTERM, runs the inherited handler, sees the flag and exits by itself
// clean: yes
// forbid: inherited-signal-handler
//
// No bug: the handler came by fork, but does in the child what it does in the parent: it asks for an orderly end, and
// the child obeys.
#include "victim.h"

static volatile sig_atomic_t stop;

static void handle(int number) {
    (void)number;
    stop = 1;
}

int main(void) {
    limit();
    sem_t *ready = shared_memory(sizeof *ready);
    shared_semaphore(ready);
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    struct sigaction action = {.sa_handler = handle};
    need(sigaction(SIGTERM, &action, NULL) == 0, "sigaction");
    need(sigprocmask(SIG_BLOCK, &term, &before) == 0, "sigprocmask");
    pid_t child = fork_child();
    if (child == 0) {
        sem_post(ready);
        while (!stop) sigsuspend(&before);
        _exit(7);
    }
    wait_for(ready);
    need(kill(child, SIGTERM) == 0, "kill");
    int status = status_of(child);
    need(WIFEXITED(status) && WEXITSTATUS(status) == 7, "the child exited by itself");
    need(!stop, "the parent got no signal");
    return 0;
}
