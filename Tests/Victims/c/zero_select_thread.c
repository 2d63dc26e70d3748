// victim: a worker thread asks select with a timeval of 0 for a socket's answer; the main thread waits for it as it should
// expect: zero-timeout-spin kind=socket victim=root
// forbid: retry-spin
//
#include "victim.h"
#include <sys/select.h>
#include <sys/socket.h>

static void *ask(void *unused) {
    (void)unused;
    int ask = socket(AF_INET, SOCK_DGRAM, 0);
    for (int turn = 0; turn < SPIN; turn++) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(ask, &set);
        struct timeval none = {0, 0};
        need(select(ask + 1, &set, NULL, NULL, &none) == 0, "nothing is there");
    }
    return NULL;
}

int main(void) {
    limit();
    finish(start(ask));
}
