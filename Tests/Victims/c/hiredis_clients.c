// victim: hiredis over a unix socket: a synchronous client, one on a poll loop of its own, and forked ones that reconnect
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
// links: -lhiredis
// needs: redis-server libhiredis-dev
//
// No bug: the child drops the inherited connection's descriptor and makes its own. The server writes no file.
#include "victim.h"
#include <hiredis/hiredis.h>

enum { ROUNDS = 50, CHILDREN = 2, LACKS_NEEDS = 77 };

static char folder[] = "/tmp/victim-XXXXXX", path[64];

static pid_t start_server(void) {
    int log[2];
    need(pipe(log) == 0, "pipe");
    pid_t server = fork_child();
    if (server == 0) {
        dup2(log[1], 1);
        close(log[0]);
        close(log[1]);
        alarm(0);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", NULL);
        _exit(LACKS_NEEDS);
    }
    close(log[1]);
    char text[16384];
    size_t length = 0;
    ssize_t got;
    while (length < sizeof text - 1 && (got = read(log[0], text + length, sizeof text - 1 - length)) > 0) {
        text[length += (size_t)got] = 0;
        // Its log is left to a process that reads it to the end.
        if (!strstr(text, "eady to accept connections")) continue;
        pid_t reader = fork_child();
        if (reader == 0) {
            while (read(log[0], text, sizeof text) > 0) {}
            _exit(0);
        }
        close(log[0]);
        return server;
    }
    int status = status_of(server);
    bool lacks = WIFEXITED(status) && WEXITSTATUS(status) == LACKS_NEEDS;
    fprintf(stderr, lacks ? "skipped: redis-server is not installed\n" : "not as labelled: redis-server failed\n");
    rmdir(folder);
    exit(lacks ? LACKS_NEEDS : 1);
}

static void use(redisContext *context) {
    need(context && !context->err, "redisConnectUnix");
    for (int i = 0; i < ROUNDS; i++) {
        redisReply *reply = redisCommand(context, "INCR count");
        need(reply && reply->type == REDIS_REPLY_INTEGER, "INCR");
        freeReplyObject(reply);
    }
}

static void use_by_poll(redisContext *context) {
    need(context && !context->err, "redisConnectUnixNonBlock");
    int sent = 0, answered = 0, done = 0;
    while (answered < ROUNDS) {
        if (sent == answered && sent < ROUNDS) redisAppendCommand(context, "INCR count"), sent++, done = 0;
        struct pollfd entry = {.fd = context->fd, .events = (short)(POLLIN | (done ? 0 : POLLOUT))};
        need(poll(&entry, 1, -1) == 1, "poll");
        if (entry.revents & POLLOUT) need(redisBufferWrite(context, &done) == REDIS_OK, "writing");
        if (entry.revents & POLLIN) need(redisBufferRead(context) == REDIS_OK, "reading");
        void *reply = NULL;
        while (redisGetReplyFromReader(context, &reply) == REDIS_OK && reply) freeReplyObject(reply), answered++;
    }
}

int main(void) {
    limit();
    need(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/socket", folder);
    pid_t server = start_server();
    redisContext *context = redisConnectUnix(path);
    use(context);
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork_child();
        if (children[i] != 0) continue;
        close(context->fd);
        use(redisConnectUnix(path));
        _exit(0);
    }
    redisContext *other = redisConnectUnixNonBlock(path);
    use_by_poll(other);
    use(context);
    for (int i = 0; i < CHILDREN; i++) need_success(children[i]);
    redisFree(other);
    redisFree(context);
    need(kill(server, SIGTERM) == 0, "kill");
    need_success(server);
    need_success(-1);
    rmdir(folder);
    return 0;
}
