// Execs itself again and again from a thread that is not the leader while others make calls, for who attaches and lets
// go. Says "going" once, and ends at a line on standard input.
#include "program.h"

#include <poll.h>
#include <pthread.h>

static void *make_calls(void *unused) {
  for (;;) poll(NULL, 0, 1), getppid();
  return unused;
}

static void *exec_again(void *argument) {
  char *generation = argument;
  execl("/proc/self/exe", "attached_exec", generation, (char *)NULL);
  say("exec: %m\n");
  _exit(1);
}

int main(int count, char **arguments) {
  static char text[16];
  int generation = count > 1 ? atoi(arguments[1]) : 0;
  if (generation == 0) alarm(120);
  if (generation == 3) say("going\n");
  struct pollfd set = {0, POLLIN, 0};
  int ready = poll(&set, 1, 2);
  if (ready < 0) {
    say("poll: %m\n");
    return 1;
  }
  if (ready == 1) {
    say("ended\n");
    return 0;
  }
  snprintf(text, sizeof text, "%d", generation + 1);
  pthread_t thread;
  for (int i = 0; i < 2; i++) demand(pthread_create(&thread, NULL, make_calls, NULL) == 0);
  demand(pthread_create(&thread, NULL, exec_again, text) == 0);
  for (;;) pause();
}
