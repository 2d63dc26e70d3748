// victim: a forked child runs the inherited loop and reads the wakeups that a thread of the parent wrote for the parent
// expect: foreign-read severity=error kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: busy-poll
// forbid: inherited-signal-handler
//
// The bug: both processes wait on one pipe, and a byte wakes one reader. In the odd rounds both are told of the byte
// and the child is faster: the parent gets EAGAIN. In the even ones the parent is busy while the child reads: a job
// is queued and the parent sleeps, here until its timeout.
#include "victim.h"

enum { ROUNDS = 6, TIMEOUT_MS = 60 };

static int ends[2];
static int jobs;
static sem_t queue_job;

static struct {
    sem_t child_turn, taken;
} *order;

static void *queue_jobs(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        wait_for(&queue_job);
        jobs++;
        put_byte(ends[1], 'w');
    }
    return unused;
}

static void run_inherited_loop(void) {
    char byte;
    for (int i = 0; i < ROUNDS; i++) {
        wait_for(&order->child_turn);
        wait_input(ends[0]);
        need(read(ends[0], &byte, 1) == 1, "the child read a wakeup");
        sem_post(&order->taken);
    }
    _exit(0);
}

int main(void) {
    limit();
    order = shared_memory(sizeof *order);
    shared_semaphore(&order->child_turn);
    shared_semaphore(&order->taken);
    sem_init(&queue_job, 0, 0);
    need(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
    pid_t child = fork_child();
    if (child == 0) run_inherited_loop();
    pthread_t thread = start(queue_jobs);
    char byte;
    for (int i = 1; i <= ROUNDS; i++) {
        sem_post(&queue_job);
        if (i % 2 == 1) {
            need(wait_input(ends[0]) == POLLIN, "the parent was told of the byte");
            sem_post(&order->child_turn);
            wait_for(&order->taken);
            need(read(ends[0], &byte, 1) < 0 && errno == EAGAIN, "the parent was robbed");
        } else {
            sem_post(&order->child_turn);
            wait_for(&order->taken);
            struct pollfd entry = {.fd = ends[0], .events = POLLIN};
            need(poll(&entry, 1, TIMEOUT_MS) == 0, "the parent slept over its wakeup");
        }
    }
    finish(thread);
    need_success(child);
    need(jobs == ROUNDS, "all jobs were queued");
    return 0;
}
