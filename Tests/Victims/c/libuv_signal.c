// victim: SIGTERM to a forked child alone runs libuv's inherited handler, and the parent's loop gets a signal it was not sent
// expect: inherited-signal-handler severity=error kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: shared-epoll
// forbid: busy-poll
// links: -luv
// needs: libuv1-dev
//
// The bug: libuv's handler writes a message with the watcher's address to the loop's pipe. The address holds in the parent
// as well, which calls its callback; the child lives on.
#include "victim.h"
#include <uv.h>

static pid_t child;
static sem_t *forked, *may_end;  // forked: libuv's own handler of fork has run.

static void stop(uv_signal_t *watcher, int number) {
    need(number == SIGTERM, "SIGTERM");
    uv_close((uv_handle_t *)watcher, NULL);
    sem_post(may_end);
}

static void terminate_child(uv_timer_t *timer) {
    wait_for(forked);
    need(kill(child, SIGTERM) == 0, "kill");
    uv_close((uv_handle_t *)timer, NULL);
}

int main(void) {
    limit();
    uv_signal_t watcher;
    uv_timer_t timer;
    forked = shared_memory(2 * sizeof *forked);
    may_end = forked + 1;
    shared_semaphore(forked);
    shared_semaphore(may_end);
    uv_loop_t *loop = uv_default_loop();
    need(uv_signal_init(loop, &watcher) == 0 && uv_signal_start(&watcher, stop, SIGTERM) == 0, "a watcher");
    child = fork_child();
    if (child == 0) {
        sem_post(forked);
        wait_for(may_end);
        _exit(0);
    }
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, terminate_child, 0, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    need_success(child);
    need(uv_loop_close(loop) == 0, "the loop's end");
    return 0;
}
