// What a program can always see of its tracer: TracerPid and Seccomp in /proc/self/status, that its parent is not who started
// it, and the state of its stopped children, which is "t" and not "T" (proc(5)).
#include "program.h"

static long field(const char *name) {
  char line[256];
  FILE *status = fopen("/proc/self/status", "re");
  long value = -1;
  demand(status);
  while (fgets(line, sizeof line, status)) {
    if (strncmp(line, name, strlen(name)) == 0) value = atol(line + strlen(name));
  }
  fclose(status);
  return value;
}

int main(void) {
  alarm(60);
  say("traced: %s\n", field("TracerPid:") ? "yes" : "no");
  say("Seccomp: %ld, filters: %ld\n", field("Seccomp:"), field("Seccomp_filters:"));
  say("NoNewPrivs: %ld\n", field("NoNewPrivs:"));
  pid_t child = fork();
  if (child == 0) for (;;) pause();
  kill(child, SIGSTOP);
  tell_child("child", child, WUNTRACED);
  say("state %c\n", state_of(child));
  kill(child, SIGKILL);
  tell_child("child", child, 0);
  return 0;
}
