// victim: a persistent libevent callback that never reads its pipe is called again and again
// expect: busy-poll severity=error kind=pipe victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// links: -levent
// needs: libevent-dev
//
// The bug: EV_PERSIST without EV_ET says so as long as a byte is there; the callback looks at its own flag and goes home.
#include "victim.h"
#include <event2/event.h>

static int calls;

static void called(evutil_socket_t fd, short what, void *base) {
    (void)fd;
    need(what & EV_READ, "input");
    if (++calls == SPIN) event_base_loopbreak(base);
}

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    struct event_base *base = event_base_new();
    struct event *reader = event_new(base, ends[0], EV_READ | EV_PERSIST, called, base);
    need(base && event_add(reader, NULL) == 0, "event_add");
    put_byte(ends[1], 'a');
    event_base_dispatch(base);
    need(calls == SPIN, "called for ever");
    event_free(reader);
    event_base_free(base);
    return 0;
}
