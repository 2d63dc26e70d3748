// victim: a loop's terminal is gone; poll returns POLLHUP, read fails with EIO, and the loop tries again
// expect: busy-poll severity=error victim=root
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: inherited-signal-handler
//
// The bug: an error of read is taken for "nothing yet". Programs left behind by a closed window burn a core so.
#include "victim.h"

int main(void) {
    limit();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    need(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0, "a pseudoterminal");
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    need(terminal >= 0, "its terminal");
    char line[64];
    need(write(master, "ls\n", 3) == 3, "a line is typed");
    need(wait_input(terminal) & POLLIN && read(terminal, line, sizeof line) == 3, "the line arrived");
    close(master);
    for (int polls = 0; polls < SPIN; polls++) {
        need(wait_input(terminal) & POLLHUP, "the terminal was gone");
        need(read(terminal, line, sizeof line) <= 0, "there is nothing to read");
    }
    return 0;
}
