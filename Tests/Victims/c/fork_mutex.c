// victim: a thread holds a mutex while another one forks; the child locks it and waits for ever
// expect: fork-while-threaded severity=error kind=futex
#include "victim.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t *locked, *done;

static void *hold(void *unused) {
    pthread_mutex_lock(&lock);
    sem_post(locked);
    wait_for(done);
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void) {
    limit();
    locked = shared_memory(2 * sizeof *locked);
    done = locked + 1;
    shared_semaphore(locked);
    shared_semaphore(done);
    pthread_t holder = start(hold);
    wait_for(locked);
    pid_t child = fork_child();
    if (child == 0) {
        pthread_mutex_lock(&lock);
        _exit(0);
    }
    sleep(3);
    need(waitpid(child, NULL, WNOHANG) == 0, "the child hangs");
    kill(child, SIGKILL);
    need(WIFSIGNALED(status_of(child)), "the child was killed");
    sem_post(done);
    finish(holder);
    return 0;
}
