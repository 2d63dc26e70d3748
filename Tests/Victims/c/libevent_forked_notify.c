// victim: a thread forks while libevent's loop sleeps; the child activates an event and so wakes its parent's loop
// expect: foreign-wakeup-write severity=warning kind=eventfd actor=child victim=root
// forbid: shared-epoll
// forbid: foreign-read
// forbid: busy-poll
// links: -levent -levent_pthreads
// needs: libevent-dev
//
// The bug: the base says that another thread runs its loop, so that event_active writes the eventfd; but the loop that
// sleeps on it is the parent's, and the event is active in the child alone.
#include "victim.h"
#include <event2/event.h>
#include <event2/thread.h>

static struct event_base *base;
static struct event *wakeup;
static int woken;
static sem_t runs;

static void wake(evutil_socket_t fd, short what, void *unused) {
    (void)fd;
    (void)what;
    (void)unused;
    woken++;
    event_base_loopbreak(base);
}

static void begin(evutil_socket_t fd, short what, void *unused) {
    (void)fd;
    (void)what;
    (void)unused;
    sem_post(&runs);
}

static void *start_child(void *unused) {
    wait_for(&runs);
    pid_t child = fork_child();
    if (child == 0) {
        event_active(wakeup, EV_READ, 0);
        _exit(0);
    }
    need_success(child);
    event_active(wakeup, EV_READ, 0);
    return unused;
}

int main(void) {
    limit();
    sem_init(&runs, 0, 0);
    need(evthread_use_pthreads() == 0 && (base = event_base_new()), "a base");
    need(evthread_make_base_notifiable(base) == 0, "an eventfd");
    wakeup = event_new(base, -1, EV_PERSIST, wake, NULL);
    struct timeval now = {0};
    need(event_base_once(base, -1, EV_TIMEOUT, begin, NULL, &now) == 0, "a timer");
    pthread_t thread = start(start_child);
    need(event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY) >= 0 && woken == 1, "one wakeup of its own");
    finish(thread);
    event_free(wakeup);
    event_base_free(base);
    return 0;
}
