// What the descriptors of another process are, asked of a copy (pidfd_getfd(2), Linux 5.6).
#define _GNU_SOURCE
#include "clinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

// A copy of another process's descriptor; -1 with errno if there is none.
static int copy_of(pid_t pid, int fd) {
  int process = syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) return -1;
  int copy = syscall(SYS_pidfd_getfd, process, fd, 0);
  int failed = errno;
  close(process);
  errno = failed;
  return copy;
}

long clinux_bytes_waiting(pid_t pid, int fd) {
  int copy = copy_of(pid, fd);
  if (copy < 0) return -errno;
  int count = 0;
  long result = ioctl(copy, FIONREAD, &count) == 0 ? count : -errno;
  close(copy);
  return result;
}

int clinux_is_readable(pid_t pid, int fd) {
  int copy = copy_of(pid, fd);
  if (copy < 0) return false;
  struct pollfd entry = {.fd = copy, .events = POLLIN};
  bool readable = poll(&entry, 1, 0) == 1 && entry.revents != 0;
  close(copy);
  return readable;
}

long clinux_socket_timeout(pid_t pid, int fd, int sending) {
  int copy = copy_of(pid, fd);
  if (copy < 0) return -1;
  struct timeval timeout;
  socklen_t size = sizeof timeout;
  long result = -1;
  if (getsockopt(copy, SOL_SOCKET, sending ? SO_SNDTIMEO : SO_RCVTIMEO, &timeout, &size) == 0)
    result = timeout.tv_sec * 1000000000 + timeout.tv_usec * 1000;
  close(copy);
  return result;
}

// An address in the words that connect() is told in: unix:/run/x, unix:@abstract, 127.0.0.1:80, [::1]:80.
static void describe_address(const struct sockaddr_storage *peer, socklen_t length, char *text, size_t room) {
  char address[INET6_ADDRSTRLEN] = "";
  if (peer->ss_family == AF_UNIX) {
    const struct sockaddr_un *local = (const struct sockaddr_un *)peer;
    size_t size = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
    if (size > 0 && local->sun_path[0] == 0)
      snprintf(text, room, "unix:@%.*s", (int)size - 1, local->sun_path + 1);
    else
      snprintf(text, room, "unix:%.*s", (int)size, local->sun_path);
  } else if (peer->ss_family == AF_INET) {
    const struct sockaddr_in *internet = (const struct sockaddr_in *)peer;
    inet_ntop(AF_INET, &internet->sin_addr, address, sizeof address);
    snprintf(text, room, "%s:%d", address, ntohs(internet->sin_port));
  } else if (peer->ss_family == AF_INET6) {
    const struct sockaddr_in6 *internet = (const struct sockaddr_in6 *)peer;
    inet_ntop(AF_INET6, &internet->sin6_addr, address, sizeof address);
    snprintf(text, room, "[%s]:%d", address, ntohs(internet->sin6_port));
  } else {
    snprintf(text, room, "family %d", peer->ss_family);
  }
}

int clinux_socket_address(pid_t pid, int fd, char *text, size_t room) {
  int copy = copy_of(pid, fd);
  if (copy < 0) return -errno;
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int result = getsockname(copy, (struct sockaddr *)&address, &length) == 0 ? 0 : -errno;
  if (result == 0) describe_address(&address, length, text, room);
  close(copy);
  return result;
}

int clinux_socket_kind(pid_t pid, int fd) {
  char peer[192];
  return clinux_socket_peer(pid, fd, peer, sizeof peer);
}

int clinux_socket_peer(pid_t pid, int fd, char *text, size_t room) {
  int copy = copy_of(pid, fd);
  if (copy < 0) return CLINUX_NO_SOCKET;
  int kind = CLINUX_NO_SOCKET;
  int value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0) {
    kind = value ? CLINUX_LISTENING : CLINUX_OTHER_SOCKET;
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    size = sizeof value;
    if (!value && getsockopt(copy, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_STREAM &&
        getpeername(copy, (struct sockaddr *)&peer, &length) == 0) {
      kind = CLINUX_CONNECTED_STREAM;
      describe_address(&peer, length, text, room);
    }
  }
  close(copy);
  return kind;
}
