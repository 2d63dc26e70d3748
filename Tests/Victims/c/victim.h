// What every victim needs: a check that fails loudly, an end that always comes, and order between processes without
// descriptors. Ordering goes through semaphores in shared memory, so that a trace holds no pipe but the one in
// question.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// Above the threshold of 512 returns without progress, with room.
enum { SPIN = 3000 };

static inline void need(bool ok, const char *what) {
    if (ok) return;
    int error = errno;
    fprintf(stderr, "%s: not as labelled: %s (last errno: %s)\n", program_invocation_short_name, what, strerror(error));
    _exit(1);
}

// A scenario that hangs ends by SIGALRM instead. Never reached when all is as labelled; a forked child must ask anew.
static inline void limit(void) { alarm(60); }

static inline void *shared_memory(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(memory != MAP_FAILED, "mmap");
    return memory;
}

static inline void shared_semaphore(sem_t *semaphore) { need(sem_init(semaphore, 1, 0) == 0, "sem_init"); }

static inline void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0) need(errno == EINTR, "sem_wait");
}

static inline void put_byte(int fd, char byte) { need(write(fd, &byte, 1) == 1, "writing one byte"); }

static inline void put_count(int fd) {
    uint64_t one = 1;
    need(write(fd, &one, sizeof one) == sizeof one, "writing an eventfd");
}

// One wait for input, without a timeout. Returns what the descriptor is ready for.
static inline short wait_input(int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int ready;
    do ready = poll(&entry, 1, -1);
    while (ready < 0 && errno == EINTR);
    need(ready == 1, "poll");
    return entry.revents;
}

static inline pid_t fork_child(void) {
    pid_t pid = fork();
    need(pid >= 0, "fork");
    if (pid == 0) limit();
    return pid;
}

// -1 is any child.
static inline int status_of(pid_t pid) {
    int status;
    pid_t ended = waitpid(pid, &status, 0);
    need(ended > 0, "waitpid");
    return status;
}

static inline void need_success(pid_t pid) {
    int status = status_of(pid);
    need(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child succeeded");
}

static inline pthread_t start(void *(*body)(void *)) {
    pthread_t thread;
    need(pthread_create(&thread, NULL, body, NULL) == 0, "pthread_create");
    return thread;
}

static inline void finish(pthread_t thread) { need(pthread_join(thread, NULL) == 0, "pthread_join"); }
