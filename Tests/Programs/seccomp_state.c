// What a program can ask of its own seccomp state: none, and no NO_NEW_PRIVS; strict mode can be entered, and
// kills on the first other call (prctl(2)).
#include "program.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>

int main(void) {
  alarm(60);
  tell("PR_GET_SECCOMP", prctl(PR_GET_SECCOMP));
  tell("PR_GET_NO_NEW_PRIVS", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  pid_t child = fork();
  if (child == 0) {
    int result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    if (result != 0) _exit(2);
    demand(write(1, "strict\n", 7) == 7);
    syscall(SYS_exit, 3);
  }
  tell_child("strict", child, 0);
  child = fork();
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) syscall(SYS_exit, 2);
    syscall(SYS_getppid);
    syscall(SYS_exit, 3);
  }
  tell_child("strict, and one call more", child, 0);
  child = fork();
  if (child == 0) {
    tell("seccomp without privilege or NO_NEW_PRIVS",
         setuid(65534) != 0 ? -1 : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
    _exit(0);
  }
  tell_child("unprivileged", child, 0);
  unsigned action = SECCOMP_RET_TRACE;
  tell("action TRACE is known", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
  return 0;
}
