// A parent sees its child stop, go on and end: each state once, with the siginfo of its SIGCHLD, for every
// signal that stops, and not at all with SA_NOCLDSTOP. A stopped child is killed and continued where it
// stands.
#include "program.h"

static pid_t child;

static void tell_info(const char *what, const siginfo_t *info) {
  const char *codes[] = {"?", "exited", "killed", "dumped", "trapped", "stopped", "continued"};
  say("%s: %s, status %d, of the child %d, uid %d\n", what,
      info->si_code > 0 && info->si_code < 7 ? codes[info->si_code] : "?", info->si_status,
      info->si_pid == child, info->si_uid == getuid());
}

// The SIGCHLD for the change of state, and what waitid and wait4 say of it.
static void changed(const char *what, int options) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  siginfo_t info, waited = {0};
  if (sigtimedwait(&set, &info, &(struct timespec){20, 0}) == SIGCHLD) tell_info(what, &info);
  else say("%s: no SIGCHLD\n", what);
  if (waitid(P_PID, child, &waited, options | WNOWAIT) == 0) tell_info("  waitid", &waited);
  tell_child("  wait4", child, options & WCONTINUED ? WCONTINUED : options & WSTOPPED ? WUNTRACED : 0);
  int status;
  tell("  and no more", waitpid(child, &status, WNOHANG | WUNTRACED | WCONTINUED));
}

static volatile sig_atomic_t handled;
static void count(int number) {
  (void)number;
  handled++;
}

int main(void) {
  alarm(60);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  // A group of our own in the parent's session is not orphaned, so that TSTP, TTIN and TTOU stop (POSIX).
  pid_t keeper = fork();
  if (keeper != 0) {
    int status;
    while (waitpid(keeper, &status, 0) < 0) continue;
    tell_status("keeper", status);
    return 0;
  }
  setpgid(0, 0);
  atomic_int *ready = shared(sizeof *ready), *go = shared(sizeof *go);
  child = fork();
  if (child == 0) {
    // Its own group: that its parent is in another group of the session keeps it from being orphaned.
    setpgid(0, 0);
    signal(SIGCONT, count);
    signal(SIGUSR1, count);
    atomic_store(ready, 1);
    while (handled < 6) {
      nap();
      atomic_store(ready, 1 + handled);
    }
    until(go, 1);
    raise(SIGSTOP);
    signal(SIGCONT, SIG_DFL);
    until(go, 2);
    kill(getpid(), SIGTSTP);
    until(go, 3);
    _exit(5);
  }
  until(ready, 1);
  const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    kill(child, stops[i]);
    changed(signal_name(stops[i]), WSTOPPED);
    // A second stop of the stopped tells nothing.
    kill(child, SIGSTOP);
    kill(child, SIGCONT);
    changed("CONT", WCONTINUED);
    until(ready, 2 + i);
  }
  // What came while it stood is delivered when it goes on.
  kill(child, SIGSTOP);
  changed("STOP", WSTOPPED);
  kill(child, SIGUSR1);
  kill(child, SIGCONT);
  changed("CONT", WCONTINUED);
  until(ready, 7);
  atomic_store(go, 1);
  changed("its own STOP", WSTOPPED);
  kill(child, SIGCONT);
  changed("CONT", WCONTINUED);
  atomic_store(go, 2);
  changed("its own TSTP", WSTOPPED);
  kill(child, SIGCONT);
  changed("CONT", WCONTINUED);
  atomic_store(go, 3);
  changed("end", WEXITED);
  // Killed while stopped.
  child = fork();
  if (child == 0) {
    raise(SIGSTOP);
    _exit(1);
  }
  changed("STOP", WSTOPPED);
  kill(child, SIGTERM);
  int status;
  tell("TERM waits", waitpid(child, &status, WNOHANG | WUNTRACED | WCONTINUED));
  kill(child, SIGKILL);
  changed("end", WEXITED);
  // With SA_NOCLDSTOP only the end is told.
  struct sigaction quiet = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGCHLD, &quiet, NULL);
  child = fork();
  if (child == 0) {
    raise(SIGSTOP);
    _exit(6);
  }
  tell_child("quiet", child, WUNTRACED);
  sigset_t pending;
  sigpending(&pending);
  say("SIGCHLD is pending: %d\n", sigismember(&pending, SIGCHLD));
  kill(child, SIGCONT);
  changed("quiet", WEXITED);
  return 0;
}
