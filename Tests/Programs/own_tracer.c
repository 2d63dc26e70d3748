// A program that traces its own child, as debuggers do: who is traced already cannot be traced again, so
// under a tracer this one fails, in a way that it can tell (ptrace(2), EPERM).
#include "program.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>

int main(void) {
  alarm(60);
  int status;
  pid_t child = fork();
  if (child == 0) {
    long result = ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    if (result != 0) _exit(errno == EPERM ? 1 : 2);
    raise(SIGSTOP);
    _exit(0);
  }
  demand(waitpid(child, &status, 0) == child);
  if (WIFSTOPPED(status)) {
    say("PTRACE_TRACEME: a tracee\n");
    ptrace(PTRACE_CONT, child, NULL, NULL);
    demand(waitpid(child, &status, 0) == child);
  }
  tell_status("child", status);
  child = fork();
  if (child == 0) for (;;) pause();
  tell("PTRACE_SEIZE", ptrace(PTRACE_SEIZE, child, NULL, NULL));
  tell("PTRACE_PEEKDATA of who is not ours", ptrace(PTRACE_PEEKDATA, getppid(), &status, NULL) == -1 ? -1 : 0);
  kill(child, SIGKILL);
  tell_child("child", child, 0);
  return 0;
}
