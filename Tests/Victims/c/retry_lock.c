// victim: flock(LOCK_NB) fails with EWOULDBLOCK, and is made again at once, for two seconds
// expect: retry-spin kind=file victim=root
// forbid: busy-poll
// forbid: zero-timeout-spin
//
#include "victim.h"
#include "clock.h"
#include <sys/file.h>

int main(void) {
    limit();
    char path[] = "/tmp/faultline-lock-XXXXXX";
    int holder = mkstemp(path), other = open(path, O_RDWR | O_CLOEXEC);
    need(holder >= 0 && other >= 0 && unlink(path) == 0, "a file");
    need(flock(holder, LOCK_EX) == 0, "the lock");
    for (double end = seconds() + 2; seconds() < end;)
        need(flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK, "it is held");
    return 0;
}
