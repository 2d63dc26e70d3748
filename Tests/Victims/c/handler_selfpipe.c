// victim: a self-pipe signal handler is inherited by a forked child; SIGTERM sent to the child shuts down the parent
// expect: inherited-signal-handler severity=error kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// The bug: the handler writes the number of the signal to a pipe that fork shares. The parent reads SIGTERM, which it
// never got, and obeys; the child, which got it, lives on until SIGKILL.
#include "victim.h"

static int ends[2];

static struct {
    sem_t ready, question, answer;
} *order;

static void handle(int number) {
    int saved = errno;
    put_byte(ends[1], (char)number);
    errno = saved;
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
    need(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    need(sigaction(SIGTERM, &action, NULL) == 0, "sigaction");
    pid_t child = fork_child();
    if (child == 0) work();
    wait_for(&order->ready);
    need(kill(child, SIGTERM) == 0, "kill");
    for (bool running = true; running;) {
        char number;
        wait_input(ends[0]);
        need(read(ends[0], &number, 1) == 1 && number == SIGTERM, "the parent read the child's signal");
        running = number != SIGTERM;
    }
    sem_post(&order->question);
    wait_for(&order->answer);
    need(kill(child, SIGKILL) == 0, "kill");
    int status = status_of(child);
    need(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child lived until SIGKILL");
    return 0;
}
