// victim: libevent and libuv in a forked child that reinitialises its loop, as the libraries ask for
// needs: libevent-dev libuv1-dev
// links: -levent -luv
// clean: yes
// forbid: shared-epoll
// forbid: ghost-epoll-entry
// forbid: fd-clobbered
//
// The twin: event_reinit and uv_loop_fork close the inherited epoll instance and make a new one.
#include "victim.h"
#include <event2/event.h>
#include <uv.h>

static int events, ticks;

static void on_event(evutil_socket_t fd, short what, void *unused) {
    (void)what, (void)unused;
    char byte;
    if (read(fd, &byte, 1) == 1) events++;
}

static void on_timer(uv_timer_t *timer) {
    ticks++;
    uv_stop(timer->loop);
}

static void turn(struct event_base *base, uv_loop_t *loop, int write_end) {
    int before = events;
    put_byte(write_end, 'x');
    while (events == before) event_base_loop(base, EVLOOP_ONCE);
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    struct event_base *base = event_base_new();
    struct event *event = event_new(base, ends[0], EV_READ | EV_PERSIST, on_event, NULL);
    need(event_add(event, NULL) == 0, "event_add");
    uv_loop_t loop;
    uv_timer_t timer;
    need(uv_loop_init(&loop) == 0 && uv_timer_init(&loop, &timer) == 0, "uv_loop_init");
    need(uv_timer_start(&timer, on_timer, 1, 1) == 0, "uv_timer_start");
    for (int turns = 0; turns < 10; turns++) turn(base, &loop, ends[1]);

    pid_t child = fork_child();
    if (child == 0) {
        need(event_reinit(base) == 0 && uv_loop_fork(&loop) == 0, "reinitialised");
        need(event_del(event) == 0, "event_del");
        int own[2];
        need(pipe2(own, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
        struct event *other = event_new(base, own[0], EV_READ | EV_PERSIST, on_event, NULL);
        need(event_add(other, NULL) == 0, "event_add");
        for (int turns = 0; turns < 10; turns++) turn(base, &loop, own[1]);
        _exit(0);
    }
    need_success(child);
    for (int turns = 0; turns < 10; turns++) turn(base, &loop, ends[1]);
    return 0;
}
