// victim: a parent queues three jobs at a time on a socketpair, and polls for one byte of acknowledgement for the three
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug: the forked worker writes one constant byte, and most jobs lie unread for a while; but each end has one reader
// and one writer, and everything is read.
#include "victim.h"
#include <sys/socket.h>

enum { BATCHES = 20, BATCH = 3, SIZE = 100 };

static void work(int fd) {
    char job[SIZE];
    int jobs = 0;
    while (read(fd, job, SIZE) == SIZE) {
        usleep(500);
        if (++jobs % BATCH == 0) put_byte(fd, 'k');
    }
    need(jobs == BATCHES * BATCH, "all jobs arrived");
}

int main(void) {
    limit();
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    pid_t worker = fork_child();
    if (worker == 0) {
        close(ends[0]);
        work(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    char job[SIZE];
    memset(job, 'j', SIZE);
    for (int i = 0; i < BATCHES; i++) {
        char acknowledgement;
        for (int k = 0; k < BATCH; k++) need(write(ends[0], job, SIZE) == SIZE, "a job");
        wait_input(ends[0]);
        need(read(ends[0], &acknowledgement, 1) == 1 && acknowledgement == 'k', "the acknowledgement");
    }
    close(ends[0]);
    need_success(worker);
    return 0;
}
