// victim: a thread is told again and again of bytes that another thread of its process reads, which comes to it late each time (Python's
//         Pool: _handle_workers waits for the results' pipe, which _handle_results reads)
// clean: yes
//
#include "victim.h"

enum { ROUNDS = 4 };

static int ends[2];
static sem_t due, done;

static void *reader(void *nothing) {
    for (int round = 0; round < ROUNDS + 1; round++) {
        wait_for(&due);
        char byte;
        need(read(ends[0], &byte, 1) == 1, "the byte is there");
        need(sem_post(&done) == 0, "sem_post");
    }
    return nothing;
}

int main(void) {
    limit();
    need(pipe(ends) == 0, "pipe");
    need(sem_init(&due, 0, 0) == 0 && sem_init(&done, 0, 0) == 0, "sem_init");
    pthread_t thread;
    need(pthread_create(&thread, NULL, reader, NULL) == 0, "pthread_create");
    for (int round = 0; round < ROUNDS + 1; round++) {
        put_byte(ends[1], 'r');
        // More than the threshold, but soon over.
        for (int turn = 0; round > 0 && turn < 800; turn++) need(wait_input(ends[0]) == POLLIN, "it is ready");
        need(sem_post(&due) == 0, "sem_post");
        wait_for(&done);
        // Work of its own between the rounds.
        usleep(100000);
    }
    need(pthread_join(thread, NULL) == 0, "pthread_join");
}
