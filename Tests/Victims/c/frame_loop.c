// victim: a game loop: each frame asks for input without waiting, drains what a thread wrote, and sleeps until the next
// clean: yes
// forbid: busy-poll
// forbid: zero-timeout-spin
// forbid: retry-spin
//
// No bug: zero timeouts and EAGAIN in every frame, with a sleep to an absolute time after them.
#include "victim.h"
#include <time.h>

enum { FRAMES = 600, EVENTS = 100 };

static int ends[2];

static void *press_keys(void *unused) {
    struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < EVENTS; i++) {
        put_byte(ends[1], 'k');
        nanosleep(&pause, NULL);
    }
    return unused;
}

int main(void) {
    limit();
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    pthread_t thread = start(press_keys);
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    int keys = 0, idle = 0, frames = 0;
    while (frames < FRAMES || keys < EVENTS) {
        frames++;
        struct pollfd entry = {.fd = ends[0], .events = POLLIN};
        if (poll(&entry, 1, 0) == 0) idle++;
        char buffer[16];
        ssize_t length = read(ends[0], buffer, sizeof buffer);
        need(length > 0 || errno == EAGAIN, "reading keys");
        if (length > 0) keys += (int)length;
        next.tv_nsec += 1000000;
        if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    finish(thread);
    need(keys == EVENTS && idle > 0, "all keys, and frames without one");
    return 0;
}
