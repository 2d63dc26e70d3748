// A blocking write of more than fits goes on after a signal that its process ignores. A traced process wakes
// for it, and a write that has moved something then returns short (Linux 6.1, fs/pipe.c, pipe_write;
// net/unix/af_unix.c).
#include "blocking_calls.h"

static void nothing(void) {}

static void check(const struct blocking *one, int fd_is_socket) {
  const int unnoticed[] = {SIGCHLD, SIGURG, SIGWINCH};
  for (size_t i = 0; i < sizeof unnoticed / sizeof *unnoticed; i++) {
    pid_t child = begin(one, nothing);
    kill(child, unnoticed[i]);
    until_asleep(child);
    char how[48];
    snprintf(how, sizeof how, "SIG%s", signal_name(unnoticed[i]));
    if (!fd_is_socket) {
      // All that was to be written comes, and the call says so.
      long total = 0;
      static char part[65536];
      close(ends[1]);
      while (total < (long)sizeof big && !(atomic_load(&outcome->returned) && outcome->result != sizeof big)) {
        ssize_t got = read(ends[0], part, sizeof part);
        if (got <= 0) break;
        total += got;
      }
      say("%s, %s: %ld read\n", one->name, how, total);
      ends[1] = dup(ends[0]);
    }
    finish(one, child, how);
  }
}

int main(void) {
  alarm(60);
  check(&(struct blocking){"write", call_write}, 0);
  check(&(struct blocking){"send", call_send}, 1);
  return 0;
}
