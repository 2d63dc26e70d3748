// victim: recv on a connected socket returns EAGAIN and is made again at once, for three seconds
// expect: retry-spin severity=error kind=socket victim=root
// light: yes
// note: reads of sockets are not armed until the thread is seen to burn its core
//
#include "victim.h"
#include "clock.h"
#include "loopback.h"

int main(void) {
    limit();
    int ends[2];
    connected_pair(ends);
    need(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
    char buffer[64];
    double end = seconds() + 3;
    while (seconds() < end)
        need(recv(ends[0], buffer, sizeof buffer, 0) == -1 && errno == EAGAIN, "nothing has come");
}
