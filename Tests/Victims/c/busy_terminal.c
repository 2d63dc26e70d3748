// victim: a pasted text of 3000 lines is read from a terminal by lines, poll before each; every wait returns at once
// clean: yes
// forbid: busy-poll
//
// No bug: the twin of busy_hung_up_terminal.c. Each read takes a line.
#include "victim.h"

enum { LINES = 3000, AT_ONCE = 100 };

int main(void) {
    limit();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    need(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0, "a pseudoterminal");
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    need(terminal >= 0, "its terminal");
    char line[64], echo[1024];
    for (int i = 0; i < LINES; i++) {
        // As much as a terminal takes at once; nobody looks at the echo but who empties it.
        for (int k = 0; i % AT_ONCE == 0 && k < AT_ONCE; k++) need(write(master, "echo\n", 5) == 5, "a line is pasted");
        need(wait_input(terminal) & POLLIN && read(terminal, line, sizeof line) == 5, "a line is read");
        if (i % AT_ONCE == 0) need(read(master, echo, sizeof echo) > 0, "the echo");
    }
    return 0;
}
