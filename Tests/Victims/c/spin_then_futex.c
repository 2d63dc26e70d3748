// victim: a thread asks poll six hundred times and then sleeps on a condition variable, which no filter stops at
// clean: yes
//
#include "victim.h"

static sem_t semaphore;

static void *producer(void *unused) {
    (void)unused;
    for (int item = 0; item < 10; item++) {
        usleep(150000);
        sem_post(&semaphore);
    }
    return NULL;
}

int main(void) {
    limit();
    int ends[2];
    need(pipe(ends) == 0 && sem_init(&semaphore, 0, 0) == 0, "pipe");
    pthread_t thread = start(producer);
    for (int item = 0; item < 10; item++) {
        struct pollfd entry = {.fd = ends[0], .events = POLLIN};
        for (int turn = 0; turn < 600; turn++) need(poll(&entry, 1, 0) == 0, "nothing is there");
        wait_for(&semaphore);
    }
    finish(thread);
}
