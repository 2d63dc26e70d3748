// victim: libevent: a forked child deletes its listener event from the inherited base; clients of the parent wait for ever
// needs: libevent-dev
// links: -levent
// expect: shared-epoll severity=error kind=epoll actor=child victim=root
// forbid: ghost-epoll-entry
//
// The bug: without event_reinit, event_del in the child is EPOLL_CTL_DEL in the parent's instance (nsd#491).
#include "victim.h"
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int accepted;

static void on_connection(evutil_socket_t fd, short what, void *unused) {
    (void)what, (void)unused;
    int connection = accept(fd, NULL, NULL);
    need(connection >= 0, "accept");
    close(connection);
    accepted++;
}

static void on_timeout(evutil_socket_t fd, short what, void *unused) { (void)fd, (void)what, (void)unused; }

static struct sockaddr_in address = {.sin_family = AF_INET};

static int client(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    return fd;
}

int main(void) {
    limit();
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    need(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0, "listen");
    need(getsockname(listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    struct event_base *base = event_base_new();
    struct event *event = event_new(base, listener, EV_READ | EV_PERSIST, on_connection, NULL);
    struct timeval tick = {.tv_usec = 50000};
    struct event *timer = event_new(base, -1, EV_PERSIST, on_timeout, NULL);
    need(event_add(event, NULL) == 0 && event_add(timer, &tick) == 0, "event_add");
    close(client());
    while (accepted == 0) event_base_loop(base, EVLOOP_ONCE);

    pid_t child = fork_child();
    if (child == 0) {
        event_del(event);
        event_base_loop(base, EVLOOP_NONBLOCK);
        _exit(0);
    }
    need_success(child);
    int waiting = client();
    for (int turns = 0; turns < 5; turns++) event_base_loop(base, EVLOOP_ONCE);
    need(accepted == 1, "the parent is deaf");
    close(waiting);
    return 0;
}
