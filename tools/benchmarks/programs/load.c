// A bounded load on a server on loopback: so many clients, each sends its next request when the last one is answered.
// usage: load PORT http|http-close|redis CLIENTS MOST_REQUESTS MOST_MILLISECONDS
// Prints how many requests were answered and how many nanoseconds that took. Status: 0 if every answer was right.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum protocol { http, http_close, redis };

struct client {
  int fd;
  long sent;
  size_t got;
  char answer[16384];
};

static enum protocol protocol;
static int port, epoll;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "no");
  exit(1);
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void connect_client(struct client *client) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  int on = 1;
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) != 0) fail("epoll_ctl");
}

// redis: SET and GET of 64 bytes in turn.
static void send_request(struct client *client) {
  char request[256];
  int length;
  if (protocol != redis)
    length = snprintf(request, sizeof request, "GET /index.html HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                      protocol == http_close ? "Connection: close\r\n" : "");
  else if (client->sent % 2 == 0)
    length = snprintf(request, sizeof request, "*3\r\n$3\r\nSET\r\n$6\r\nk%05d\r\n$64\r\n%064d\r\n", client->fd, 7);
  else
    length = snprintf(request, sizeof request, "*2\r\n$3\r\nGET\r\n$6\r\nk%05d\r\n", client->fd);
  if (write(client->fd, request, (size_t)length) != length) fail("write");
  client->sent++;
  client->got = 0;
}

// Whether the answer to the last request is all there.
static int is_answered(struct client *client, int is_closed) {
  client->answer[client->got] = 0;
  errno = 0;
  if (protocol == redis) {
    if (is_closed) fail("redis closed the connection");
    size_t expected = client->sent % 2 == 1 ? 5 : 71;
    if (client->got >= 5 && strncmp(client->answer, expected == 5 ? "+OK\r\n" : "$64\r\n", 5) != 0) fail("wrong answer");
    return client->got >= expected;
  }
  char *body = strstr(client->answer, "\r\n\r\n");
  char *length = strcasestr(client->answer, "content-length:");
  if (body == NULL || length == NULL || length > body) {
    if (is_closed) fail("no whole answer");
    return 0;
  }
  if (strstr(client->answer, " 200 ") == NULL) fail("not 200");
  int is_whole = client->got >= (size_t)(body + 4 - client->answer) + strtoul(length + 15, NULL, 10);
  if (is_closed && !is_whole) fail("no whole answer");
  return protocol == http_close ? is_closed : is_whole;
}

int main(int argc, char **argv) {
  if (argc != 6) return 64;
  port = atoi(argv[1]);
  protocol = strcmp(argv[2], "redis") == 0 ? redis : strcmp(argv[2], "http-close") == 0 ? http_close : http;
  int count = atoi(argv[3]);
  long most = atol(argv[4]), answered = 0;
  struct client *clients = calloc((size_t)count, sizeof *clients);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  long long start = now(), end = start + atoll(argv[5]) * 1000000, time = start;
  for (int i = 0; i < count; i++) {
    connect_client(&clients[i]);
    send_request(&clients[i]);
  }
  while (answered < most && (time = now()) < end) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, (int)((end - time) / 1000000) + 1);
    if (ready < 0) fail("epoll_wait");
    for (int i = 0; i < ready; i++) {
      struct client *client = events[i].data.ptr;
      ssize_t got = read(client->fd, client->answer + client->got, sizeof client->answer - 1 - client->got);
      if (got < 0) fail("read");
      client->got += (size_t)got;
      if (!is_answered(client, got == 0)) continue;
      answered++;
      if (protocol == http_close) {
        close(client->fd);
        connect_client(client);
      }
      send_request(client);
    }
  }
  printf("%ld %lld\n", answered, now() - start);
  return 0;
}
