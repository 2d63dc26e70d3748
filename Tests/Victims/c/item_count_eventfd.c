// victim: a semaphore eventfd counts the items of a queue in shared memory, filled by a thread and a forked child
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug, with the signs of one: a child that never execs writes 1 to an eventfd that its parent writes too, and polls.
// But each count is an item, and the parent takes one item for each count.
#include "victim.h"
#include <sys/eventfd.h>

enum { EACH = 50 };

static int count;
static struct {
    pthread_mutex_t lock;
    int head, tail, items[2 * EACH];
} *queue;

static void put(int item) {
    pthread_mutex_lock(&queue->lock);
    queue->items[queue->head++] = item;
    pthread_mutex_unlock(&queue->lock);
    put_count(count);
}

static int take(void) {
    uint64_t one;
    wait_input(count);
    need(read(count, &one, sizeof one) == sizeof one && one == 1, "one count was taken");
    pthread_mutex_lock(&queue->lock);
    need(queue->tail < queue->head, "there is an item for the count");
    int item = queue->items[queue->tail++];
    pthread_mutex_unlock(&queue->lock);
    return item;
}

static void *fill(void *unused) {
    for (int i = 0; i < EACH; i++) {
        put(1000 + i);
        usleep(200);
    }
    return unused;
}

int main(void) {
    limit();
    queue = shared_memory(sizeof *queue);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&queue->lock, &attributes);
    count = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    need(count >= 0, "eventfd");
    pid_t child = fork_child();
    if (child == 0) {
        for (int i = 0; i < EACH; i++) {
            put(i);
            usleep(300);
        }
        _exit(0);
    }
    pthread_t thread = start(fill);
    int sum = 0;
    for (int i = 0; i < 2 * EACH; i++) sum += take();
    need(sum == 1000 * EACH + EACH * (EACH - 1), "every item was taken");
    finish(thread);
    need_success(child);
    return 0;
}
