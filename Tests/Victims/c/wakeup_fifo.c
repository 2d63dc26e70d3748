// victim: a loop wakes itself by a fifo that it opened by name; a child that is forked before the first wait wakes it
// expect: foreign-wakeup-write severity=error kind=pipe actor=child victim=root
// expect: busy-poll severity=error kind=pipe cause=foreign-wakeup-write actor=child victim=root
//
// The founding bug on an object that no call made which a tracer would stop at, and that nobody has waited for before the fork.
#include "founding.h"
#include <sys/stat.h>

int main(void) {
    limit();
    char folder[] = "/tmp/faultline-fifo-XXXXXX", path[64];
    need(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/wakeup", folder);
    need(mkfifo(path, 0600) == 0, "mkfifo");
    struct context context = {.lock = PTHREAD_MUTEX_INITIALIZER};
    context.read_end = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    context.write_end = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    need(context.read_end >= 0 && context.write_end >= 0, "open");
    unlink(path);
    rmdir(folder);
    prepare(&context);
    pid_t child = fork_child();
    if (child == 0) {
        need(wakeup(&context), "the child's flag was set");
        _exit(0);
    }
    for (int polls = 0; polls < SPIN; polls++) {
        prepare(&context);
        need(wait_input(context.read_end) == POLLIN, "the fifo was readable");
        check(&context);
    }
    need(context.reads == 0, "nobody read the child's byte");
    need_success(child);
    return 0;
}
