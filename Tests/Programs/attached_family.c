// GLib 2.24's wakeup pipe, for who attaches late: a forked child writes the loop's byte, and the parent, whose flag
// says that nobody has, spins on it and never reads. Says the pid of the child.
//
// attached_family written|later: whether the child writes before it is named. It writes a byte for each SIGUSR1. With
// "later" the loop first wakes itself for each of 20 bytes on standard input, and takes what it wrote. A line ends all.
#include "program.h"

#include <poll.h>
#include <sys/prctl.h>

static int ends[2];

static void put(int number) {
  (void)number;
  if (write(ends[1], "A", 1) != 1) _exit(1);
}

int main(int count, char **arguments) {
  int is_written = count > 1 && strcmp(arguments[1], "written") == 0;
  alarm(100);
  demand(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, put);
    if (is_written) put(0);
    for (;;) pause();
  }
  struct pollfd set[2] = {{ends[0], POLLIN, 0}, {0, POLLIN, 0}};
  if (is_written) demand(poll(set, 1, 20000) == 1);
  until_asleep(child);
  say("%d\n", child);
  // The loop's own wakeup, of which it takes the byte: it owns the pipe.
  for (int own = 0; !is_written && own < 20; own++) {
    char byte;
    demand(poll(&set[1], 1, 20000) == 1 && read(0, &byte, 1) == 1);
    put(0);
    demand(poll(set, 1, -1) == 1 && read(ends[0], &byte, 1) == 1);
  }
  for (;;) {
    if (poll(set, 2, -1) < 1) return 1;
    if (set[1].revents) break;
  }
  kill(child, SIGKILL);
  tell_child("child", child, 0);
  return 0;
}
