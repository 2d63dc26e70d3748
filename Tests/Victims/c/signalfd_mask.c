// victim: a forked child narrows the mask of the inherited signalfd; the parent no longer gets SIGTERM by it
// expect: shared-flag-change severity=error kind=signalfd actor=child victim=root
//
// The bug: signalfd(fd, mask) changes the context that both have (fs/signalfd.c).
#include "victim.h"
#include <sys/signalfd.h>

int main(void) {
    limit();
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    need(fd >= 0, "signalfd");
    pid_t child = fork_child();
    if (child == 0) {
        sigdelset(&mask, SIGTERM);
        need(signalfd(fd, &mask, 0) == fd, "the mask is changed");
        _exit(0);
    }
    need_success(child);
    kill(getpid(), SIGTERM);
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    need(poll(&entry, 1, 200) == 0, "SIGTERM is not told of");
    return 0;
}
