// victim: libuv's pool, children, timers and pipes; a forked child calls uv_loop_fork and runs the loop as its own
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: shared-epoll
// forbid: ghost-epoll-entry
// forbid: busy-poll
// links: -luv
// needs: libuv1-dev
//
// No bug: uv_loop_fork makes epoll instance, eventfd and signal pipe anew.
#include "victim.h"
#include <uv.h>

enum { JOBS = 30, TICKS = 20 };

static uv_loop_t *loop;
static uv_timer_t timer;
static uv_work_t jobs[JOBS];
static uv_process_t process;
static int done, ticks, ended;

static void work(uv_work_t *job) { job->data = job; }

static void finished(uv_work_t *job, int status) {
    need(status == 0 && job->data == job, "a job");
    done++;
}

static void tick(uv_timer_t *handle) {
    if (++ticks == TICKS) uv_timer_stop(handle);
}

static void process_ended(uv_process_t *handle, int64_t status, int number) {
    need(status == 0 && number == 0, "the process");
    ended++;
    uv_close((uv_handle_t *)handle, NULL);
}

static void run(bool in_child) {
    char *arguments[] = {"/bin/echo", "-n", "", NULL};
    uv_process_options_t options = {.file = arguments[0], .args = arguments, .exit_cb = process_ended};
    done = ticks = ended = 0;
    uv_timer_start(&timer, tick, 1, 1);
    // Its pool's threads are gone in a forked child.
    if (!in_child) {
        for (int i = 0; i < JOBS; i++) need(uv_queue_work(loop, &jobs[i], work, finished) == 0, "uv_queue_work");
        need(uv_spawn(loop, &process, &options) == 0, "uv_spawn");
    }
    uv_run(loop, UV_RUN_DEFAULT);
    need(ticks == TICKS && (in_child || (done == JOBS && ended == 1)), "all has run");
}

int main(void) {
    limit();
    loop = uv_default_loop();
    uv_timer_init(loop, &timer);
    run(false);
    pid_t child = fork_child();
    if (child == 0) {
        need(uv_loop_fork(loop) == 0, "uv_loop_fork");
        run(true);
        _exit(0);
    }
    run(false);
    need_success(child);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    need(uv_loop_close(loop) == 0, "the loop's end");
    return 0;
}
