// A terminal with a small shell in it, whose one job is the given command: ^Z stops the job as a whole, fg
// goes on with it, ^C, the quit character and a change of size come once, input that is asked for in the
// background stops it, and a deadly ^C ends it.
#include "program.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

static int master;
static char heard[65536];
static size_t heard_count;

// Waits until the text has come from the terminal since the last wait.
static void expect(const char *text) {
  for (int64_t end = now_ms() + 8000;;) {
    char *found = strstr(heard, text);
    if (found) {
      say("seen: %s\n", text);
      found += strlen(text);
      heard_count -= found - heard;
      memmove(heard, found, heard_count + 1);
      return;
    }
    struct pollfd set = {master, POLLIN, 0};
    ssize_t got = 0;
    if (poll(&set, 1, 100) == 1) got = read(master, heard + heard_count, sizeof heard - 1 - heard_count);
    if (got > 0) heard_count += got;
    heard[heard_count] = 0;
    if (now_ms() > end || got < 0) {
      say("not seen: %s, but: %s\n", text, heard);
      _exit(1);
    }
  }
}

static void type(const char *text) { demand(write(master, text, strlen(text)) == (ssize_t)strlen(text)); }

// The shell: starts the job, tells of its state, and takes it to the fore again at each byte of `commands`.
static void shell(char **command, int commands) {
  signal(SIGTTOU, SIG_IGN);
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTSTP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  // The end of the terminal is told to the shell, and the job reads it.
  signal(SIGHUP, SIG_IGN);
  pid_t job = fork();
  if (job == 0) {
    setpgid(0, 0);
    tcsetpgrp(0, getpid());
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(command[0], command);
    _exit(127);
  }
  setpgid(job, job);
  int status;
  char how;
  while (waitpid(job, &status, WUNTRACED) == job) {
    tcsetpgrp(0, getpgrp());
    tell_status("[job]", status);
    if (!WIFSTOPPED(status)) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 100);
    if (read(commands, &how, 1) != 1) _exit(1);
    // bg leaves the terminal with the shell.
    if (how == 'f') tcsetpgrp(0, job);
    kill(-job, SIGCONT);
  }
}

static pid_t start(char **command, int *commands) {
  int ends[2];
  demand((master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
  demand(pipe2(ends, O_CLOEXEC) == 0);
  *commands = ends[1];
  heard_count = 0;
  heard[0] = 0;
  pid_t leader = fork();
  if (leader == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    int terminal = open(ptsname(master), O_RDWR);
    ioctl(terminal, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) dup2(terminal, fd);
    if (terminal > 2) close(terminal);
    close(ends[1]);
    close(master);
    shell(command, ends[0]);
  }
  close(ends[0]);
  return leader;
}

int main(int count, char **arguments) {
  if (count < 2) return 64;
  alarm(40);
  int commands;
  pid_t leader = start(arguments + 1, &commands);
  expect("group is the foreground's: 1");
  expect("ready");
  type("?\n");
  expect("INT 0 QUIT 0 CONT 0 WINCH 0");
  for (int round = 1; round <= 2; round++) {
    type("\x1A");
    expect("[job]: stopped by TSTP");
    demand(write(commands, "f", 1) == 1);
    type("?\n");
    expect(round == 1 ? "INT 0 QUIT 0 CONT 1 WINCH 0" : "INT 0 QUIT 0 CONT 2 WINCH 0");
  }
  type("\x03");
  type("?\n");
  expect("INT 1 QUIT 0 CONT 2 WINCH 0");
  type("\x1C");
  type("?\n");
  expect("INT 1 QUIT 1 CONT 2 WINCH 0");
  ioctl(master, TIOCSWINSZ, &(struct winsize){40, 100, 0, 0});
  type("?\n");
  expect("INT 1 QUIT 1 CONT 2 WINCH 1");
  // In the background it may not read.
  type("\x1A");
  expect("[job]: stopped by TSTP");
  demand(write(commands, "b", 1) == 1);
  expect("[job]: stopped by TTIN");
  demand(write(commands, "f", 1) == 1);
  type("?\n");
  expect("INT 1 QUIT 1 CONT 4 WINCH 1");
  type("q\n");
  expect("[job]: exited 9");
  demand(waitpid(leader, NULL, 0) == leader);
  // Without handlers, ^C is the end.
  char *deadly[32];
  int words = 0;
  for (int i = 1; i < count && words < 30; i++) deadly[words++] = arguments[i];
  deadly[words++] = "deadly";
  deadly[words] = NULL;
  leader = start(deadly, &commands);
  expect("ready");
  type("\x1A");
  expect("[job]: stopped by TSTP");
  demand(write(commands, "f", 1) == 1);
  type("?\n");
  expect("INT 0");
  type("\x03");
  expect("[job]: killed by INT");
  demand(waitpid(leader, NULL, 0) == leader);
  // And the end of the terminal: the job's read finds it.
  leader = start(deadly, &commands);
  expect("ready");
  close(master);
  tell_child("shell", leader, 0);
  return 0;
}
