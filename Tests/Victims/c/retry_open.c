// victim: open fails with EMFILE, and is made again at once, for two seconds
// expect: retry-spin victim=root
// forbid: busy-poll
// forbid: zero-timeout-spin
// note: open stops in scope all only; what a look at all calls shows is told, so that the count is less than it was
//
#include "victim.h"
#include "clock.h"
#include <sys/resource.h>

int main(void) {
    limit();
    struct rlimit few = {16, 16};
    need(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    while (open("/dev/null", O_RDONLY) >= 0) {}
    for (double end = seconds() + 2; seconds() < end;)
        need(open("/dev/null", O_RDONLY) == -1 && errno == EMFILE, "no number is free");
    return 0;
}
