// victim: a worker waits for the end of its orders, but a worker that was forked later has inherited their writing end
// expect: eof-never-comes severity=error kind=pipe actor=child
//
// Each worker has a pipe of its own. The second is forked before the first one's writing end is closed.
#include "victim.h"

int main(void) {
    int first[2], second[2];
    char order;
    limit();
    need(pipe(first) == 0, "pipe");
    pid_t reader = fork_child();
    if (reader == 0) {
        close(first[1]);
        while (read(first[0], &order, 1) == 1) continue;
        _exit(0);
    }
    close(first[0]);
    need(pipe(second) == 0, "pipe");
    pid_t holder = fork_child();
    if (holder == 0) {
        close(second[1]);
        while (read(second[0], &order, 1) == 1) continue;
        _exit(0);
    }
    close(second[0]);
    put_byte(first[1], 'a');
    put_byte(second[1], 'b');
    close(first[1]);
    sleep(2);
    int status;
    need(waitpid(reader, &status, WNOHANG) == 0, "the first worker has not seen the end");
    close(second[1]);
    need_success(holder);
    need_success(reader);
    return 0;
}
