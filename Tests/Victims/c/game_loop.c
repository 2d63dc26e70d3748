// victim: a game loop asks for input once per frame, without waiting, computes the frame, and sleeps until the next; a second
//   one without a sleep
// clean: yes
// forbid: zero-timeout-spin
// forbid: retry-spin
//
#include "victim.h"
#include "clock.h"

static volatile double picture;

static void frame(double lasts) {
    double end = seconds() + lasts;
    while (seconds() < end) picture = picture * 0.5 + 1;
}

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_NONBLOCK) == 0, "pipe2");
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};
    char key;
    for (int shown = 0; shown < 60; shown++) {
        need(poll(&entry, 1, 0) == 0 && read(ends[0], &key, 1) == -1, "no key");
        frame(0.002);
        usleep(5000);
    }
    for (int shown = 0; shown < 1500; shown++) {
        need(poll(&entry, 1, 0) == 0, "no key");
        need(read(ends[0], &key, 1) == -1, "no key");
        frame(0.0005);
    }
}
