// victim: a consumer asks a thousand times for what comes soon, and sleeps in poll if it does not
// clean: yes
// forbid: zero-timeout-spin
// forbid: retry-spin
//
#include "victim.h"

static int ends[2];

static void *producer(void *unused) {
    (void)unused;
    for (int item = 0; item < 8; item++) {
        usleep(150000);
        put_byte(ends[1], 'x');
    }
    return NULL;
}

int main(void) {
    limit();
    need(pipe(ends) == 0, "pipe");
    pthread_t thread = start(producer);
    for (int item = 0; item < 8; item++) {
        struct pollfd entry = {.fd = ends[0], .events = POLLIN};
        int ready = 0;
        for (int turn = 0; turn < 1000 && ready == 0; turn++) ready = poll(&entry, 1, 0);
        if (ready == 0) ready = poll(&entry, 1, -1);
        char byte;
        need(ready == 1 && read(ends[0], &byte, 1) == 1, "an item");
    }
    finish(thread);
}
