// victim: a reader of two pipes handles 3000 urgent messages, one a turn, while a bulk message stays readable and waits
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug: one descriptor of the wait set is ready and unread over thousands of polls, but each turn makes progress with
// the other, and the bulk message has its turn in the end.
#include "victim.h"

enum { URGENT = 3000, SIZE = 15 };

static void send_urgent(int fd) {
    for (int i = 0; i < URGENT; i++) {
        char message[SIZE + 1];
        snprintf(message, sizeof message, "urgent %08d", i);
        need(write(fd, message, SIZE) == SIZE, "an urgent message");
    }
}

int main(void) {
    limit();
    int urgent[2], bulk[2];
    need(pipe2(urgent, O_CLOEXEC) == 0 && pipe2(bulk, O_CLOEXEC) == 0, "pipe2");
    need(write(bulk[1], "bulk", 4) == 4, "the bulk message");
    pid_t child = fork_child();
    if (child == 0) {
        close(urgent[0]);
        close(bulk[0]);
        close(bulk[1]);
        send_urgent(urgent[1]);
        _exit(0);
    }
    close(urgent[1]);
    close(bulk[1]);
    // All of it fits the pipe, so that no turn waits.
    need_success(child);
    int urgent_read = 0, bulk_read = 0;
    struct pollfd entries[] = {{.fd = urgent[0], .events = POLLIN}, {.fd = bulk[0], .events = POLLIN}};
    for (;;) {
        char message[64];
        need(poll(entries, 2, -1) > 0, "poll");
        if (entries[0].fd >= 0 && entries[0].revents) {
            ssize_t size = read(urgent[0], message, SIZE);
            if (size == 0) entries[0].fd = -1;
            if (size == SIZE) urgent_read++;
            continue;
        }
        need(entries[1].revents, "the bulk pipe was ready");
        ssize_t size = read(bulk[0], message, sizeof message);
        if (size == 0) break;
        if (size == 4) bulk_read++;
    }
    need(urgent_read == URGENT && bulk_read == 1, "all messages arrived");
    return 0;
}
