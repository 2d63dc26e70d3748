// victim: a receiver with SO_RCVTIMEO gets EAGAIN every two milliseconds; and all numbers are closed, most of which are not open
// clean: yes
// forbid: retry-spin
//
#include "victim.h"
#include <sys/socket.h>

int main(void) {
    limit();
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    struct timeval soon = {0, 2000};
    need(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) == 0, "SO_RCVTIMEO");
    char byte;
    for (int turn = 0; turn < 800; turn++) need(recv(pair[0], &byte, 1, 0) == -1 && errno == EAGAIN, "nothing comes");
    for (int fd = 3; fd < 65536; fd++) close(fd);
}
