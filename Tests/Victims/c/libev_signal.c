// victim: libev's handler in a child that a thread forked writes the eventfd of the parent's loop; the child lives on
// expect: inherited-signal-handler severity=warning kind=eventfd actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: shared-epoll
// forbid: busy-poll
// links: -lev
// needs: libev-dev
//
// The bug: the fork found the loop asleep, so that the child's handler believes that a loop must be woken. SIGTERM to the
// child is lost, but for a wakeup of the parent.
#include "victim.h"
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>

static struct ev_loop *loop;
static ev_signal on_term;
static ev_prepare about_to_wait;
static ev_async quit;
static sem_t runs;

static void terminated(struct ev_loop *its_loop, ev_signal *watcher, int what) {
    (void)its_loop;
    (void)watcher;
    (void)what;
    need(false, "the parent got no signal");
}

static void prepare(struct ev_loop *its_loop, ev_prepare *watcher, int what) {
    (void)what;
    ev_prepare_stop(its_loop, watcher);
    sem_post(&runs);
}

static void leave(struct ev_loop *its_loop, ev_async *watcher, int what) {
    (void)watcher;
    (void)what;
    ev_break(its_loop, EVBREAK_ALL);
}

static bool sleeps(pid_t pid) {
    char path[64], text[256], *after;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    after = strrchr(text, ')');
    return after && after[2] == 'S';
}

static void *start_child(void *unused) {
    wait_for(&runs);
    while (!sleeps(getpid())) usleep(1000);
    pid_t child = fork_child();
    if (child == 0) {
        need(raise(SIGTERM) == 0, "raise");
        _exit(0);
    }
    need_success(child);
    ev_async_send(loop, &quit);
    return unused;
}

int main(void) {
    limit();
    sem_init(&runs, 0, 0);
    // Not the default loop, which reaps all children.
    loop = ev_loop_new(EVBACKEND_EPOLL);
    need(loop != NULL, "a loop");
    ev_signal_init(&on_term, terminated, SIGTERM);
    ev_signal_start(loop, &on_term);
    ev_async_init(&quit, leave);
    ev_async_start(loop, &quit);
    ev_prepare_init(&about_to_wait, prepare);
    ev_prepare_start(loop, &about_to_wait);
    pthread_t thread = start(start_child);
    ev_run(loop, 0);
    finish(thread);
    return 0;
}
