// victim: the founding bug with level-triggered epoll and a socketpair to wake it
// light: yes
// expect: foreign-wakeup-write severity=error kind=socketpair actor=child victim=root
// expect: busy-poll severity=error kind=socketpair cause=foreign-wakeup-write victim=root
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: as in founding_pipe.c; neither the way of waiting nor the kind of object matters.
#include "founding.h"
#include <sys/epoll.h>
#include <sys/socket.h>

static struct context context = {.lock = PTHREAD_MUTEX_INITIALIZER};
static sem_t asleep;

static void *start_child(void *unused) {
    wait_for(&asleep);
    pid_t child = fork_child();
    if (child == 0) {
        need(wakeup(&context), "the child's flag was set");
        _exit(0);
    }
    need_success(child);
    return unused;
}

int main(void) {
    limit();
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "socketpair");
    context.read_end = ends[0];
    context.write_end = ends[1];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = context.read_end};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, context.read_end, &event) == 0, "epoll");
    sem_init(&asleep, 0, 0);
    pthread_t thread = start(start_child);
    for (int waits = 0; waits < SPIN; waits++) {
        prepare(&context);
        if (waits == 0) sem_post(&asleep);
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.events == EPOLLIN, "the socket was readable");
        check(&context);
    }
    finish(thread);
    need(context.reads == 0, "nobody read the child's byte");
    return 0;
}
