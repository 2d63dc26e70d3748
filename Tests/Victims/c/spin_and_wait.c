// victim: a child writes its parent's wakeup pipe and stays; the parent's loop spins, and a thread waits for its lock
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
// note: the argument is the number of waits; who attaches after "spinning" finds the byte, and who holds the pipe
//
// The bug: the loop takes a wakeup for its own only if its own flag says so, and the child had a copy of that flag. It
// holds its lock while it waits, so that other threads wait as well.
#include "founding.h"
#include <sys/epoll.h>

static struct context context = {.lock = PTHREAD_MUTEX_INITIALIZER};
static pthread_mutex_t loop_lock = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_lock(void *unused) {
    pthread_mutex_lock(&loop_lock);
    pthread_mutex_unlock(&loop_lock);
    return unused;
}

int main(int count, char **arguments) {
    limit();
    long waits = count > 1 ? atol(arguments[1]) : SPIN;
    sem_t *go = shared_memory(2 * sizeof *go), *end = go + 1;
    shared_semaphore(go);
    shared_semaphore(end);
    int ends[2];
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    context.read_end = ends[0];
    context.write_end = ends[1];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    prepare(&context);
    pid_t child = fork_child();
    if (child == 0) {
        wait_for(go);
        need(wakeup(&context), "the child's flag was set");
        wait_for(end);
        _exit(0);
    }
    pthread_mutex_lock(&loop_lock);
    pthread_t thread = start(wait_for_lock);
    for (long wait = 0; wait < waits; wait++) {
        prepare(&context);
        if (wait == 0) sem_post(go);
        need(epoll_wait(epoll, &event, 1, -1) == 1, "the pipe was readable");
        check(&context);
        if (wait == 1000) {
            puts("spinning");
            fflush(stdout);
        }
    }
    pthread_mutex_unlock(&loop_lock);
    finish(thread);
    sem_post(end);
    need_success(child);
    need(context.reads == 0, "nobody read the child's byte");
    return 0;
}
