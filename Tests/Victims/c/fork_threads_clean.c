// victim: children of a process with threads that exec, that wait for threads of their own, or for a semaphore in shared memory
// clean: yes
// forbid: fork-while-threaded
#include "victim.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static sem_t *done;
static bool isReady;

static void *rest(void *unused) {
    wait_for(done);
    return unused;
}

static void *prepare(void *unused) {
    sleep(2);
    pthread_mutex_lock(&lock);
    isReady = true;
    pthread_cond_signal(&ready);
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void) {
    limit();
    done = shared_memory(2 * sizeof *done);
    shared_semaphore(done);
    shared_semaphore(done + 1);
    pthread_t other = start(rest);
    pid_t first = fork_child();
    if (first == 0) {
        execl("/bin/sleep", "sleep", "1", (char *)NULL);
        _exit(1);
    }
    pid_t second = fork_child();
    if (second == 0) {
        pthread_t helper = start(prepare);
        pthread_mutex_lock(&lock);
        while (!isReady) pthread_cond_wait(&ready, &lock);
        pthread_mutex_unlock(&lock);
        finish(helper);
        _exit(0);
    }
    pid_t third = fork_child();
    if (third == 0) {
        wait_for(done + 1);
        _exit(0);
    }
    need_success(first);
    need_success(second);
    kill(third, SIGTERM);
    need(WIFSIGNALED(status_of(third)), "the idle worker was ended");
    sem_post(done);
    finish(other);
    return 0;
}
