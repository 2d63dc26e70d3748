// victim: a child forked by a thread calls uv_async_send on the inherited handle; its parent's loop wakes for nothing
// expect: foreign-wakeup-write severity=warning kind=eventfd actor=child victim=root
// forbid: inherited-signal-handler
// forbid: shared-epoll
// forbid: foreign-read
// forbid: busy-poll
// links: -luv
// needs: libuv1-dev
//
// The bug: the eventfd is the parent's, the handle that is marked as pending the child's copy.
#include "victim.h"
#include <uv.h>

static uv_async_t async;
static uv_prepare_t prepare;
static sem_t runs;
static int called;

static void call(uv_async_t *handle) {
    called++;
    uv_close((uv_handle_t *)handle, NULL);
}

static void about_to_wait(uv_prepare_t *handle) {
    sem_post(&runs);
    uv_close((uv_handle_t *)handle, NULL);
}

static void *start_child(void *unused) {
    wait_for(&runs);
    pid_t child = fork_child();
    if (child == 0) {
        need(uv_async_send(&async) == 0, "uv_async_send");
        _exit(0);
    }
    need_success(child);
    need(uv_async_send(&async) == 0, "uv_async_send");
    return unused;
}

int main(void) {
    limit();
    sem_init(&runs, 0, 0);
    uv_loop_t *loop = uv_default_loop();
    need(uv_async_init(loop, &async, call) == 0, "uv_async_init");
    need(uv_prepare_init(loop, &prepare) == 0 && uv_prepare_start(&prepare, about_to_wait) == 0, "uv_prepare");
    pthread_t thread = start(start_child);
    uv_run(loop, UV_RUN_DEFAULT);
    finish(thread);
    need(called == 1, "one call, of its own");
    need(uv_loop_close(loop) == 0, "the loop's end");
    return 0;
}
