// victim: a thread closes the pipe that the loop polls, and makes another, which takes the number; the loop is told of what is there
// expect: fd-clobbered severity=error kind=pipe victim=root
// forbid: busy-poll
//
// The bug: close(2) by another thread during a poll. That the new pipe is of the same kind does not make it the loop's.
#include "victim.h"

static int polled[2];
static sem_t closing;

static void *clean_up(void *unused) {
    wait_for(&closing);
    usleep(50000);
    close(polled[0]);
    int other[2];
    need(pipe2(other, O_CLOEXEC) == 0 && other[0] == polled[0], "the number is used again");
    put_byte(other[1], 'x');
    return unused;
}

int main(void) {
    limit();
    sem_init(&closing, 0, 0);
    need(pipe2(polled, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
    pthread_t thread = start(clean_up);
    sem_post(&closing);
    struct pollfd entry = {.fd = polled[0], .events = POLLIN};
    for (int told = 0; told < 5;) told += poll(&entry, 1, 200) == 1;
    finish(thread);
    return 0;
}
