// victim: standard input is a file, then /dev/null; a loop polls it, and a read of 0 means nothing to it
// expect: busy-poll severity=error kind=file victim=root
// forbid: foreign-read
// forbid: retry-spin
//
// The bug: what runs well on a terminal or a pipe is started with input from a file (cron, systemd, `< /dev/null`). Files are always
// ready, and their end does not pass.
#include "victim.h"

static void poll_and_read(void) {
    char bytes[64];
    ssize_t ends = 0;
    while (ends < SPIN) {
        need(wait_input(0) == POLLIN, "a file is always ready");
        ssize_t count = read(0, bytes, sizeof bytes);
        need(count >= 0, "read");
        if (count == 0) ends++;
    }
}

int main(void) {
    limit();
    FILE *file = tmpfile();
    need(file != NULL && fputs("a line\nand another\n", file) >= 0 && fflush(file) == 0, "a file");
    need(lseek(fileno(file), 0, SEEK_SET) == 0 && dup2(fileno(file), 0) == 0, "standard input");
    poll_and_read();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    need(null >= 0 && dup2(null, 0) == 0, "standard input");
    poll_and_read();
    return 0;
}
