// A server that speaks a protocol on its standard input, as a shell would start it in `client | server`: the client
// has exec'd, and so has the server, which stays the root process. The client sends all requests at once and closes.
#pragma once
#include "victim.h"

enum { REQUESTS = 6, REQUEST_SIZE = 8 };

// Returns in the server, with the client's pipe as standard input. The pid is the client's.
static inline pid_t become_server(int argc, char **argv) {
    limit();
    if (argc == 1) {
        int ends[2];
        need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
        pid_t client = fork_child();
        bool is_client = client == 0;
        char number[16];
        snprintf(number, sizeof number, "%d", (int)client);
        need(dup2(is_client ? ends[1] : ends[0], is_client ? 1 : 0) >= 0, "dup2");
        execl("/proc/self/exe", argv[0], is_client ? "client" : number, (char *)NULL);
        need(false, "exec");
    }
    if (strcmp(argv[1], "client") == 0) {
        static const char requests[] = "request\nrequest\nrequest\nrequest\nrequest\nrequest\n";
        need(write(1, requests, REQUESTS * REQUEST_SIZE) == REQUESTS * REQUEST_SIZE, "sending the requests");
        _exit(0);
    }
    return (pid_t)atoi(argv[1]);
}

// Whether there was a request; none at the end of input.
static inline bool serve_one(void) {
    char request[REQUEST_SIZE];
    wait_input(0);
    ssize_t size = read(0, request, sizeof request);
    need(size == 0 || size == REQUEST_SIZE, "a whole request");
    return size != 0;
}
