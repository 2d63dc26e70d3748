// victim: a loop is woken by EPOLL_CTL_MOD of an eventfd that stays full (asio); one-shot entries are armed anew after a read
// clean: yes
// forbid: busy-poll
//
// No bug: each return of the eventfd was asked for by another thread, and each of the pipe was consumed.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { WAKEUPS = 1500 };

static int wakeup, epoll;
static sem_t seen;
static struct epoll_event interest;

static void *wake(void *unused) {
    for (int i = 0; i < WAKEUPS; i++) {
        need(epoll_ctl(epoll, EPOLL_CTL_MOD, wakeup, &interest) == 0, "waking");
        wait_for(&seen);
    }
    return unused;
}

int main(void) {
    limit();
    int ends[2];
    struct epoll_event event;
    need(pipe(ends) == 0 && sem_init(&seen, 0, 0) == 0, "pipe");
    wakeup = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    interest = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.fd = wakeup};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &interest) == 0, "epoll_ctl");
    need(epoll_wait(epoll, &event, 1, -1) == 1, "the first edge");
    pthread_t thread = start(wake);
    for (int i = 0; i < WAKEUPS; i++) {
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == wakeup, "woken");
        sem_post(&seen);
    }
    finish(thread);
    struct epoll_event once = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = ends[0]};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &once) == 0, "epoll_ctl");
    for (int i = 0; i < WAKEUPS; i++) {
        char byte;
        put_byte(ends[1], 'x');
        need(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == ends[0], "one byte");
        need(read(ends[0], &byte, 1) == 1, "read");
        need(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &once) == 0, "epoll_ctl");
    }
    return 0;
}
