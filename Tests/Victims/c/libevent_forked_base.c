// victim: a forked child adds a timer and an event to the inherited libevent base and runs it, without event_reinit
// expect: shared-epoll severity=error kind=epoll actor=child victim=root
// links: -levent -levent_pthreads
// needs: libevent-dev
//
// The bug: base and epoll instance came with the fork. What the child adds the parent is told of, as a number that the
// child gave; and what the child removes the parent no longer hears.
#include "victim.h"
#include <event2/event.h>
#include <event2/thread.h>
#include <sys/socket.h>

static int received, ends[2];

static void receive(evutil_socket_t fd, short what, void *base) {
    char byte;
    need(what & EV_READ && read(fd, &byte, 1) == 1, "reading a byte");
    received++;
    event_base_loopbreak(base);
}

static void quit(evutil_socket_t fd, short what, void *base) {
    (void)fd;
    (void)what;
    event_base_loopbreak(base);
}

int main(void) {
    limit();
    need(evthread_use_pthreads() == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a socketpair");
    struct event_base *base = event_base_new();
    need(base && strcmp(event_base_get_method(base), "epoll") == 0, "a base with epoll");
    struct event *reader = event_new(base, ends[0], EV_READ | EV_PERSIST, receive, base);
    need(event_add(reader, NULL) == 0, "event_add");
    put_byte(ends[1], 'a');
    event_base_dispatch(base);
    need(received == 1, "a byte in the parent");
    pid_t child = fork_child();
    if (child == 0) {
        struct timeval soon = {.tv_usec = 10000};
        event_del(reader);
        need(event_base_once(base, -1, EV_TIMEOUT, quit, base, &soon) == 0, "a timer");
        event_base_dispatch(base);
        _exit(0);
    }
    need_success(child);
    put_byte(ends[1], 'b');
    struct timeval deadline = {.tv_usec = 200000};
    need(event_base_loopexit(base, &deadline) == 0, "a deadline");
    event_base_dispatch(base);
    need(received == 1, "the parent is deaf");
    event_free(reader);
    event_base_free(base);
    return 0;
}
