// victim: a daemon forks twice and uses its starter's eventfd, self-pipe, handler and epoll set; the starter only exits
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// No bug: the starter made and used all of it, and after the fork uses none of it again: the daemon is the owner now.
// The root process only waits, as the reaper of orphans; it has none of the objects.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

enum { ROUNDS = 10 };

static int wakeup, ends[2], epoll;
static sem_t *starter_is_gone;

static void handle(int number) { put_byte(ends[1], (char)number); }

static void add(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void use_all(void) {
    struct epoll_event event;
    uint64_t count;
    char number;
    put_count(wakeup);
    need(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == wakeup, "a wakeup");
    need(read(wakeup, &count, sizeof count) == sizeof count, "reading the wakeup");
    need(raise(SIGUSR1) == 0, "raise");
    need(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == ends[0], "a signal");
    need(read(ends[0], &number, 1) == 1 && number == SIGUSR1, "reading the signal");
}

static void start_daemon(void) {
    wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    need(wakeup >= 0 && epoll >= 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "making the objects");
    add(wakeup);
    add(ends[0]);
    struct sigaction action = {.sa_handler = handle};
    need(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    use_all();
    pid_t middle = fork_child();
    if (middle > 0) {
        need_success(middle);
        _exit(0);
    }
    setsid();
    if (fork_child() > 0) _exit(0);
    wait_for(starter_is_gone);
    for (int i = 0; i < ROUNDS; i++) use_all();
    _exit(0);
}

int main(void) {
    limit();
    starter_is_gone = shared_memory(sizeof *starter_is_gone);
    shared_semaphore(starter_is_gone);
    need(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "prctl");
    pid_t starter = fork_child();
    if (starter == 0) start_daemon();
    need_success(starter);
    sem_post(starter_is_gone);
    need_success(-1);
    return 0;
}
