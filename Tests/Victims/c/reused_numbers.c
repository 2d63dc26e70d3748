// victim: a poll loop closes and accepts connections, renews one by dup2, and a thread closes one and tells the loop
// clean: yes
// forbid: fd-clobbered
// forbid: ghost-epoll-entry
//
// The twin: numbers are reused by accept, pipe and socket all the time; what the set names was put there on purpose.
#include "victim.h"
#include <sys/socket.h>

static int doomed;
static int wake[2];
static sem_t asleep;

static void *closer(void *unused) {
    wait_for(&asleep);
    usleep(20000);
    close(doomed);
    put_byte(wake[1], 'x');
    return unused;
}

static void turn(int fd, int peer) {
    put_byte(peer, 'x');
    need(wait_input(fd) == POLLIN, "ready");
    char byte;
    need(read(fd, &byte, 1) == 1, "read");
}

int main(void) {
    limit();
    for (int turns = 0; turns < 200; turns++) {
        int ends[2];
        need(turns % 2 ? pipe(ends) == 0 : socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a connection");
        turn(ends[0], ends[1]);
        close(ends[0]);
        close(ends[1]);
    }
    int old[2], new[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, old) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, new) == 0, "socketpair");
    turn(old[0], old[1]);
    need(dup2(new[0], old[0]) == old[0], "dup2");
    close(new[0]);
    close(old[1]);
    turn(old[0], new[1]);

    need(pipe(wake) == 0, "pipe");
    doomed = old[0];
    sem_init(&asleep, 0, 0);
    pthread_t thread = start(closer);
    struct pollfd set[2] = {{.fd = wake[0], .events = POLLIN}, {.fd = doomed, .events = POLLIN}};
    sem_post(&asleep);
    need(poll(set, 2, 5000) >= 1 && set[0].revents == POLLIN, "told that it was closed");
    finish(thread);
    char byte;
    need(read(wake[0], &byte, 1) == 1, "read");
    need(poll(set, 1, 20) == 0, "the set without it");
    return 0;
}
