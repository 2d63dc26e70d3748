// victim: a server polls its standard input; its forked child reads from it too and takes the remaining requests
// expect: foreign-read kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: busy-poll
// forbid: inherited-signal-handler
//
// The bug: the child (say, one that reads with stdio and so by the buffer) was left the server's standard input. The
// server, back in its loop, finds the end of input instead of five requests.
#include "stdin_protocol.h"

int main(int argc, char **argv) {
    pid_t client = become_server(argc, argv);
    need(serve_one(), "the first request arrived");
    pid_t child = fork_child();
    if (child == 0) {
        char buffer[4096];
        need(read(0, buffer, sizeof buffer) == (REQUESTS - 1) * REQUEST_SIZE, "the child read the other requests");
        _exit(0);
    }
    need_success(child);
    need(!serve_one(), "the server found the end of input");
    need_success(client);
    return 0;
}
