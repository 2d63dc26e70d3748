// victim: three children share a pipe for their results; one is quick, one is slow, one has nothing to say. The parent waits for all
// clean: yes
// forbid: eof-never-comes
//
// The parent has closed its own writing end; the end comes when the last child has ended.
#include "victim.h"

int main(void) {
    int ends[2];
    char text[16];
    limit();
    need(pipe(ends) == 0, "pipe");
    pid_t children[3];
    for (int place = 0; place < 3; place++) {
        children[place] = fork_child();
        if (children[place] == 0) {
            close(ends[0]);
            sleep(place == 0 ? 0 : place == 1 ? 2 : 3);
            if (place < 2) put_byte(ends[1], 'a');
            _exit(0);
        }
    }
    close(ends[1]);
    int count = 0;
    while (read(ends[0], text, 1) == 1) count++;
    need(count == 2, "two results");
    for (int place = 0; place < 3; place++) need_success(children[place]);
    return 0;
}
