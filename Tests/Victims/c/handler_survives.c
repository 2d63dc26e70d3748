// victim: a forked child inherits a handler that sets a flag which only the parent's loop reads, and survives SIGTERM
// expect: inherited-signal-handler severity=error actor=child
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// The bug: SIGTERM was meant to end the child. It runs the parent's handler instead; nothing in the child asks for
// the flag, so that only SIGKILL helps.
#include "victim.h"

static volatile sig_atomic_t stop;

static struct {
    sem_t ready, question, answer;
    int handled;
} *order;

static void handle(int number) {
    (void)number;
    stop = 1;
    order->handled++;
}

static void work(void) {
    sem_post(&order->ready);
    for (;;) {
        wait_for(&order->question);
        sem_post(&order->answer);
    }
}

int main(void) {
    limit();
    order = shared_memory(sizeof *order);
    shared_semaphore(&order->ready);
    shared_semaphore(&order->question);
    shared_semaphore(&order->answer);
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    need(sigaction(SIGTERM, &action, NULL) == 0, "sigaction");
    pid_t child = fork_child();
    if (child == 0) work();
    wait_for(&order->ready);
    need(kill(child, SIGTERM) == 0, "kill");
    sem_post(&order->question);  // after the signal, so the answer comes from a child that has handled it
    wait_for(&order->answer);
    need(order->handled == 1 && !stop, "the handler ran in the child alone");
    need(kill(child, SIGKILL) == 0, "kill");
    int status = status_of(child);
    need(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child lived until SIGKILL");
    return 0;
}
