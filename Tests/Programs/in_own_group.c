// Runs a command in a process group of its own, continues it when it stops, and ends as it ends.
#include "program.h"

#include <sys/prctl.h>

int main(int count, char **arguments) {
  if (count < 2) return 64;
  alarm(20);
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(arguments[1], arguments + 1);
    _exit(127);
  }
  setpgid(child, child);
  int status;
  while (waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status)) {
    dprintf(2, "stopped by %s\n", signal_name(WSTOPSIG(status)));
    kill(-child, SIGCONT);
  }
  if (WIFSIGNALED(status)) dprintf(2, "killed by %s\n", signal_name(WTERMSIG(status)));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
