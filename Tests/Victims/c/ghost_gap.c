// victim: a subprocess holds everything between fork and exec; meanwhile the parent closes a polled descriptor
// clean: yes
// forbid: ghost-epoll-entry
// forbid: shared-epoll
//
// The twin: the open file is close-on-exec and the child is about to exec. A wait may return the number once or twice.
#include "victim.h"
#include <sys/epoll.h>
#include <sys/socket.h>

int main(void) {
    limit();
    struct {
        sem_t closed, told;
    } *state = shared_memory(sizeof *state);
    shared_semaphore(&state->closed);
    shared_semaphore(&state->told);
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    put_byte(ends[1], 'x');
    pid_t child = fork_child();
    if (child == 0) {
        wait_for(&state->told);
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    close(ends[0]);
    need(epoll_wait(epoll, &event, 1, 5000) == 1, "told in the gap");
    sem_post(&state->told);
    need_success(child);
    need(epoll_wait(epoll, &event, 1, 20) == 0, "the entry is gone");
    return 0;
}
