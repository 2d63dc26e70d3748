// victim: a thread asks poll with a timeout of 0 for five seconds, although it has nothing else to do
// expect: zero-timeout-spin severity=error kind=pipe victim=root
// forbid: busy-poll
// forbid: retry-spin
// light: yes
//
#include "victim.h"
#include "clock.h"

int main(void) {
    limit();
    int ends[2];
    need(pipe(ends) == 0, "pipe");
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};
    double end = seconds() + 5;
    while (seconds() < end) need(poll(&entry, 1, 0) == 0, "nothing is there");
}
