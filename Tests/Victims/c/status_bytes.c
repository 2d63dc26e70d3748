// victim: a loop polls a pipe for 1-byte events: 't' from an own thread, 'a' + i from forked job i when it is done
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug, with the signs of one: own threads and children that never exec write single bytes to one polled pipe. But
// each byte says something, and the loop goes by what it says.
#include "victim.h"

enum { TICKS = 5, JOBS = 6 };

static int ends[2];

static void *tick(void *unused) {
    for (int i = 0; i < TICKS; i++) {
        usleep(5000);
        put_byte(ends[1], 't');
    }
    return unused;
}

int main(void) {
    limit();
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    for (int i = 0; i < JOBS; i++) {
        pid_t job = fork_child();
        if (job == 0) {
            usleep(8000 + i * 1000);
            put_byte(ends[1], (char)('a' + i));
            _exit(0);
        }
    }
    pthread_t thread = start(tick);
    int ticks = 0, jobs_done = 0;
    while (ticks < TICKS || jobs_done != (1 << JOBS) - 1) {
        char event;
        wait_input(ends[0]);
        need(read(ends[0], &event, 1) == 1, "an event");
        if (event == 't')
            ticks++;
        else
            jobs_done |= 1 << (event - 'a');
    }
    need(ticks == TICKS, "no tick too many");
    finish(thread);
    for (int i = 0; i < JOBS; i++) need_success(-1);
    return 0;
}
