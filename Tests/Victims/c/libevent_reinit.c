// victim: a forked child calls event_reinit on the inherited libevent base and runs it; the parent runs its own
// clean: yes
// forbid: shared-epoll
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: ghost-epoll-entry
// links: -levent -levent_pthreads
// needs: libevent-dev
//
// No bug: event_reinit closes what was inherited, without EPOLL_CTL_DEL, and makes epoll instance and eventfd anew. A thread wakes
// the parent's loop; the child's hears a socketpair of its own.
#include "victim.h"
#include <event2/event.h>
#include <event2/thread.h>
#include <sys/socket.h>

enum { ROUNDS = 50 };

static struct event_base *base;
static struct event *wakeup;
static int woken;
static sem_t was_woken;

static void wake(evutil_socket_t fd, short what, void *unused) {
    (void)fd;
    (void)what;
    (void)unused;
    sem_post(&was_woken);
    if (++woken == ROUNDS) event_base_loopbreak(base);
}

static void *activate(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        event_active(wakeup, EV_READ, 0);
        wait_for(&was_woken);
    }
    return unused;
}

static void run(void) {
    woken = 0;
    pthread_t thread = start(activate);
    need(event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY) >= 0 && woken == ROUNDS, "all wakeups");
    finish(thread);
}

static int ends[2];

static void receive(evutil_socket_t fd, short what, void *unused) {
    char byte;
    (void)unused;
    need(what & EV_READ && read(fd, &byte, 1) == 1, "reading a byte");
    if (++woken == ROUNDS) event_base_loopbreak(base);
    else put_byte(ends[1], byte);
}

// Without threads: libevent 2.1 does not always wake a loop by its eventfd after event_reinit.
static void run_child(void) {
    need(event_reinit(base) == 0, "event_reinit");
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a socketpair");
    struct event *reader = event_new(base, ends[0], EV_READ | EV_PERSIST, receive, NULL);
    need(event_add(reader, NULL) == 0, "event_add");
    woken = 0;
    put_byte(ends[1], 'a');
    need(event_base_dispatch(base) >= 0 && woken == ROUNDS, "all bytes");
}

int main(void) {
    limit();
    sem_init(&was_woken, 0, 0);
    need(evthread_use_pthreads() == 0 && (base = event_base_new()), "a base");
    need(evthread_make_base_notifiable(base) == 0, "an eventfd");
    wakeup = event_new(base, -1, EV_PERSIST, wake, NULL);
    run();
    pid_t child = fork_child();
    if (child == 0) {
        run_child();
        _exit(0);
    }
    run();
    need_success(child);
    event_free(wakeup);
    event_base_free(base);
    return 0;
}
