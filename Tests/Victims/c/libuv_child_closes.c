// victim: libuv: a forked child closes the handles of the inherited loop; the parent's async wakeups are lost
// needs: libuv1-dev
// links: -luv
// expect: shared-epoll severity=error kind=epoll actor=child victim=root
//
// The bug: without uv_loop_fork, uv_close of a polled descriptor is EPOLL_CTL_DEL in the parent's instance.
#include "victim.h"
#include <uv.h>

static int told;

static void on_pipe(uv_poll_t *poll, int status, int events) {
    (void)poll, (void)status, (void)events;
    told++;
}

static void on_timer(uv_timer_t *timer) { uv_stop(timer->loop); }

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    uv_loop_t loop;
    uv_poll_t poll;
    uv_timer_t timer;
    need(uv_loop_init(&loop) == 0 && uv_poll_init(&loop, &poll, ends[0]) == 0, "uv_poll_init");
    need(uv_poll_start(&poll, UV_READABLE, on_pipe) == 0, "uv_poll_start");
    need(uv_timer_init(&loop, &timer) == 0 && uv_timer_start(&timer, on_timer, 50, 50) == 0, "uv_timer_start");
    uv_run(&loop, UV_RUN_DEFAULT);

    pid_t child = fork_child();
    if (child == 0) {
        uv_poll_stop(&poll);
        uv_close((uv_handle_t *)&poll, NULL);
        uv_run(&loop, UV_RUN_NOWAIT);
        _exit(0);
    }
    need_success(child);
    put_byte(ends[1], 'x');
    for (int turns = 0; turns < 4; turns++) uv_run(&loop, UV_RUN_DEFAULT);
    need(told == 0, "the parent is deaf");
    return 0;
}
