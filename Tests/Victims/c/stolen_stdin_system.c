// victim: a server reads requests with fgets, without a poll; a tool that it runs by system() eats those that remain
// expect: foreign-read severity=error kind=pipe actor=child victim=root
// forbid: foreign-wakeup-write
// forbid: busy-poll
// forbid: inherited-signal-handler
//
// The bug: what system() runs inherits standard input. The thief is a grandchild, two execs away, and the server has
// never polled the pipe that it is robbed of.
#include "stdin_protocol.h"

int main(int argc, char **argv) {
    pid_t client = become_server(argc, argv);
    char request[64];
    int requests = 0;
    // With a buffer, the server would have all requests at once and nothing could be stolen.
    setvbuf(stdin, NULL, _IONBF, 0);
    while (fgets(request, sizeof request, stdin)) {
        need(strcmp(request, "request\n") == 0, "a whole request");
        if (++requests == 2) need(system("cat >/dev/null") == 0, "the tool succeeded");
    }
    need(requests == 2, "the server found the end of input");
    need_success(client);
    return 0;
}
