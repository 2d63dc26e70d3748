// victim: a child waits for a condition that only a thread of its parent would signal
// expect: fork-while-threaded severity=error kind=futex
#include "victim.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static int items;

static void *produce(void *unused) {
    for (int count = 0; count < 4; count++) {
        sleep(1);
        pthread_mutex_lock(&lock);
        items++;
        pthread_cond_signal(&ready);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void take(void) {
    pthread_mutex_lock(&lock);
    while (items == 0) pthread_cond_wait(&ready, &lock);
    items--;
    pthread_mutex_unlock(&lock);
}

int main(void) {
    limit();
    pthread_t producer = start(produce);
    pid_t child = fork_child();
    if (child == 0) {
        take();
        _exit(0);
    }
    for (int count = 0; count < 4; count++) take();
    need(waitpid(child, NULL, WNOHANG) == 0, "the child hangs");
    kill(child, SIGKILL);
    need(WIFSIGNALED(status_of(child)), "the child was killed");
    finish(producer);
    return 0;
}
