// victim: a parent asks with WNOHANG whether its child has ended, again and again
// expect: zero-timeout-spin victim=root
//
#include "victim.h"
#include "clock.h"

int main(void) {
    limit();
    double end = seconds() + 1.5;
    pid_t child = fork_child();
    if (child == 0) {
        while (seconds() < end) usleep(10000);
        _exit(0);
    }
    int status;
    pid_t ended;
    do ended = waitpid(child, &status, WNOHANG);
    while (ended == 0);
    need(ended == child, "waitpid");
}
