// A pipe in one process: a byte in, a byte out. usage: pipe_loop COUNT
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long count = argc > 1 ? atol(argv[1]) : 1000;
  int ends[2];
  char byte = 'x';
  if (pipe(ends) != 0) return 1;
  for (long i = 0; i < count; i++)
    if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) return 1;
  return 0;
}
