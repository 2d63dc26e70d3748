// victim: a reader thread goes on reading a pipe whose number was closed under it, and takes EBADF for "not yet"
// expect: retry-spin victim=root
//
#include "victim.h"

static int ends[2];

static void *reader(void *unused) {
    (void)unused;
    char byte;
    for (int turn = 0; turn < SPIN; turn++) need(read(ends[0], &byte, 1) == -1 && errno == EBADF, "it is closed");
    return NULL;
}

int main(void) {
    limit();
    need(pipe(ends) == 0, "pipe");
    close(ends[0]);
    finish(start(reader));
}
