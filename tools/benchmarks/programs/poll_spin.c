// The founding bug alone: a pipe holds a byte that nobody reads, and poll returns at once, again and again.
// usage: poll_spin POLLS
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long count = argc > 1 ? atol(argv[1]) : 1000;
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1) return 1;
  struct pollfd set = {.fd = ends[0], .events = POLLIN};
  for (long i = 0; i < count; i++)
    if (poll(&set, 1, -1) != 1) return 1;
  return 0;
}
