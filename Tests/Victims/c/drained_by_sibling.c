// victim: a thread is told again and again of bytes that another thread of its process reads, which comes to it late (Python's Pool:
//         _handle_workers waits for the results' pipe, which _handle_results reads)
// clean: yes
//
#include "victim.h"

static int ends[2];
static sem_t due, done;

static void *reader(void *nothing) {
    for (int round = 0; round < 2; round++) {
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
    for (int round = 0; round < 2; round++) {
        put_byte(ends[1], 'r');
        // More than the threshold, but soon over; at first the reader comes at once.
        for (int turn = 0; turn < 600 * round; turn++) need(wait_input(ends[0]) == POLLIN, "it is ready");
        need(sem_post(&due) == 0, "sem_post");
        wait_for(&done);
    }
    need(pthread_join(thread, NULL) == 0, "pthread_join");
}
