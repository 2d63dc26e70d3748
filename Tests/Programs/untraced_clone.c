// A child made with CLONE_UNTRACED is nobody's tracee: it must work all the same, and run its calls.
#include "program.h"

#include <linux/sched.h>

static int work(const char *how) {
  int ends[2];
  char byte;
  tell("pipe2", pipe2(ends, O_CLOEXEC));
  tell("write", write(ends[1], "x", 1));
  tell("read", read(ends[0], &byte, 1));
  tell("open", open("/dev/null", O_RDONLY) >= 0 ? 0 : -1);
  pid_t child = fork();
  if (child == 0) _exit(4);
  tell_child(how, child, 0);
  execl("/bin/sh", "sh", "-c", "echo exec; exit 5", (char *)NULL);
  return 1;
}

int main(void) {
  alarm(60);
  pid_t child = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) _exit(work("grandchild"));
  tell_child("clone", child, 0);
  struct clone_args arguments = {.flags = CLONE_UNTRACED, .exit_signal = SIGCHLD};
  child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) _exit(work("grandchild"));
  tell_child("clone3", child, 0);
  say("its arguments are as they were: %d\n", arguments.flags == CLONE_UNTRACED);
  return 0;
}
