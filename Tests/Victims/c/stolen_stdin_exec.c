// victim: a server polls its standard input and runs cat for a request, which inherits it and eats the other requests
// expect: foreign-read kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: busy-poll
// forbid: inherited-signal-handler
//
// The bug: a tool was started without a standard input of its own (the MCP servers' bug; ssh in a `while read` loop).
// In contrast to `{ read h; sort; }` the server comes back to its input and waits for more.
#include "stdin_protocol.h"

int main(int argc, char **argv) {
    pid_t client = become_server(argc, argv);
    need(serve_one(), "the first request arrived");
    pid_t child = fork_child();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        need(nowhere >= 0 && dup2(nowhere, 1) == 1, "output to /dev/null");
        execl("/bin/cat", "cat", (char *)NULL);
        need(false, "exec of /bin/cat");
    }
    need_success(child);
    need(!serve_one(), "the server found the end of input");
    need_success(client);
    return 0;
}
