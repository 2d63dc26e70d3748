// victim: a logger reads what the parent and its workers write; the parent ends its own part, and the workers are silent for long
// clean: yes
// forbid: eof-never-comes
#include "victim.h"

int main(void) {
    int ends[2];
    char line;
    limit();
    need(pipe(ends) == 0, "pipe");
    pid_t logger = fork_child();
    if (logger == 0) {
        close(ends[1]);
        while (read(ends[0], &line, 1) == 1) continue;
        _exit(0);
    }
    close(ends[0]);
    pid_t workers[2];
    for (int place = 0; place < 2; place++) {
        workers[place] = fork_child();
        if (workers[place] == 0) {
            sleep(1 + place);
            put_byte(ends[1], 'w');
            sleep(2);
            _exit(0);
        }
    }
    close(ends[1]);
    for (int place = 0; place < 2; place++) need_success(workers[place]);
    need_success(logger);
    return 0;
}
