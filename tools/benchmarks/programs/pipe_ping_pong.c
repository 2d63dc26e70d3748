// Two processes and two pipes: each waits for the other's byte and answers it. usage: pipe_ping_pong ROUNDS
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int answer(int from, int to, long count) {
  char byte;
  for (long i = 0; i < count; i++)
    if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1) return 1;
  return 0;
}

int main(int argc, char **argv) {
  long count = argc > 1 ? atol(argv[1]) : 1000;
  int there[2], back[2], status;
  char byte = 'x';
  if (pipe(there) != 0 || pipe(back) != 0) return 1;
  pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) _exit(answer(there[0], back[1], count));
  if (write(there[1], &byte, 1) != 1 || answer(back[0], there[1], count - 1) != 0 || read(back[0], &byte, 1) != 1)
    return 1;
  return waitpid(child, &status, 0) != child || status != 0;
}
