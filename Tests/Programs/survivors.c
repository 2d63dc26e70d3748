// The root ends first, with its own status; a daemon (double fork, setsid) and a plain orphan live on, and
// end later by themselves. The last of them says so in a file that is given by the first argument, or to
// nobody.
#include "program.h"

#include <sys/prctl.h>

int main(int count, char **arguments) {
  alarm(30);
  int ends[2];
  demand(pipe(ends) == 0);
  pid_t middle = fork();
  if (middle == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    alarm(30);
    close(ends[1]);
    char byte;
    // Ends when the last other process is gone: the pipe's end.
    while (read(ends[0], &byte, 1) > 0) continue;
    int fd = count > 1 ? open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0) demand(write(fd, "the daemon ends\n", 16) == 16);
    _exit(7);
  }
  tell_child("middle", middle, 0);
  pid_t root = getpid();
  if (fork() == 0) {
    alarm(30);
    // The orphan holds the pipe until the root is gone.
    while (getppid() == root) nap();
    nanosleep(&(struct timespec){0, 200000000}, NULL);
    _exit(8);
  }
  say("the root ends\n");
  return 31;
}
