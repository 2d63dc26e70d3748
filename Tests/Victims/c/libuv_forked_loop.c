// victim: a forked child runs the inherited libuv loop without uv_loop_fork: it waits on its parent's epoll instance
// expect: shared-epoll severity=error kind=epoll actor=child victim=root
// links: -luv
// needs: libuv1-dev
//
// The bug: the child stops its watcher of the inherited pipe, which takes the pipe out of the parent's epoll instance.
#include "victim.h"
#include <uv.h>

static uv_loop_t *loop;
static uv_poll_t reader;
static uv_timer_t timer;
static int ends[2], received;

static void readable(uv_poll_t *handle, int status, int events) {
    char byte;
    need(status == 0 && events == UV_READABLE && read(ends[0], &byte, 1) == 1, "reading a byte");
    received++;
    uv_stop(handle->loop);
}

static void expire(uv_timer_t *handle) { uv_stop(handle->loop); }

int main(void) {
    limit();
    loop = uv_default_loop();
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    need(uv_timer_init(loop, &timer) == 0 && uv_poll_init(loop, &reader, ends[0]) == 0, "handles");
    need(uv_poll_start(&reader, UV_READABLE, readable) == 0, "uv_poll_start");
    put_byte(ends[1], 'a');
    uv_run(loop, UV_RUN_DEFAULT);
    need(received == 1, "a byte in the parent");
    pid_t child = fork_child();
    if (child == 0) {
        uv_poll_stop(&reader);
        uv_timer_start(&timer, expire, 5, 0);
        uv_run(loop, UV_RUN_DEFAULT);
        _exit(0);
    }
    need_success(child);
    put_byte(ends[1], 'b');
    uv_timer_start(&timer, expire, 200, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    need(received == 1, "the parent is deaf");
    return 0;
}
