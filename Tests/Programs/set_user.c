// A set-user-ID program gives its caller another effective user, unless the caller is traced by an ordinary
// user (ptrace(2), execve(2)). Runs a copy of itself whose owner and bits the test has set, given as first
// argument; without one it tells its own ids.
#include "program.h"

#include <sys/prctl.h>
#include <sys/auxv.h>

int main(int count, char **arguments) {
  alarm(60);
  say("real %d effective %d, secure %ld, no new privileges %d\n", getuid(), geteuid(), getauxval(AT_SECURE),
      prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  if (count > 1) execl(arguments[1], "set_user", (char *)NULL);
  return count > 1;
}
