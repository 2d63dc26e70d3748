// victim: parent and child ask by one TCP connection at the same time, and each gets the other's answer
// expect: shared-connection severity=error kind=socket actor=child victim=root
#include "connection_server.h"

int main(void) {
    char text[64];
    limit();
    signal(SIGPIPE, SIG_IGN);
    int fd = connect_to_server();
    sem_t *turns = shared_memory(3 * sizeof *turns);
    for (int place = 0; place < 3; place++) shared_semaphore(&turns[place]);
    need(write(fd, "hello", 5) == 5 && read(fd, text, sizeof text) == 5, "talking before the fork");
    pid_t child = fork_child();
    if (child == 0) {
        wait_for(&turns[0]);
        need(write(fd, "child", 5) == 5, "the child asks");
        sem_post(&turns[1]);
        wait_for(&turns[2]);
        need(read(fd, text, sizeof text) == 5, "the child reads");
        _exit(0);
    }
    need(write(fd, "mater", 5) == 5, "the parent asks");
    need(wait_input(fd) == POLLIN, "waiting");
    sem_post(&turns[0]);
    wait_for(&turns[1]);
    need(read(fd, text, 5) == 5, "the parent reads");
    sem_post(&turns[2]);
    need_success(child);
    return 0;
}
