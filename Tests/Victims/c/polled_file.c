// victim: a copier polls a file before each of 2000 reads, then before each of 2000 positioned reads, and looks for its end at leisure
// clean: yes
// forbid: busy-poll
//
// The twin of busy_end_of_file.c: every wait returns at once, and bytes come of it, or a rest.
#include "victim.h"

int main(void) {
    limit();
    FILE *file = tmpfile();
    need(file != NULL, "a file");
    int fd = fileno(file);
    char line[16] = "fifteen letters";
    for (int i = 0; i < 2000; i++) need(write(fd, line, sizeof line) == sizeof line, "write");
    need(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    for (int i = 0; i < 2000; i++) {
        wait_input(fd);
        need(read(fd, line, sizeof line) == sizeof line, "read");
    }
    for (int i = 0; i < 2000; i++) {
        wait_input(fd);
        need(pread(fd, line, sizeof line, 16 * i) == sizeof line, "pread");
    }
    for (int i = 0; i < 700; i++) {
        wait_input(fd);
        need(read(fd, line, sizeof line) == 0, "the end");
        usleep(1000);
    }
    return 0;
}
