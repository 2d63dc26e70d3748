// victim: a timeout by SIGALRM and siglongjmp, used by a parent and by its forked children, which then write a result
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
// note: the handler never returns, so that a tracer sees no rt_sigreturn
//
// No bug: the children set timers of their own, and what they write comes after the jump, not from the handler.
#include "victim.h"
#include <setjmp.h>
#include <sys/time.h>

enum { CHILDREN = 4 };

static sigjmp_buf before;
static volatile sig_atomic_t waiting;

static void time_out(int number) {
    if (waiting) siglongjmp(before, 1);
    // The limit of the victim itself.
    signal(number, SIG_DFL);
    raise(number);
}

static void wait_in_vain(void) {
    if (sigsetjmp(before, 1) == 0) {
        struct itimerval once = {.it_value.tv_usec = 20000};
        waiting = true;
        need(setitimer(ITIMER_REAL, &once, NULL) == 0, "setitimer");
        for (;;) pause();
    }
    waiting = false;
    limit();
}

int main(void) {
    limit();
    int ends[2];
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    struct sigaction action = {.sa_handler = time_out};
    need(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
    wait_in_vain();
    for (int i = 0; i < CHILDREN; i++) {
        if (fork_child() != 0) continue;
        wait_in_vain();
        put_byte(ends[1], 't');
        _exit(0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        char result;
        wait_input(ends[0]);
        need(read(ends[0], &result, 1) == 1 && result == 't', "a result");
    }
    for (int i = 0; i < CHILDREN; i++) need_success(-1);
    return 0;
}
