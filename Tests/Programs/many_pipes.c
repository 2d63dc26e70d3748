// More to tell than a small trace holds, and a status that shows that nothing came between: pipes, and messages of ever other lengths.
#include "program.h"

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 20000;
  unsigned sum = 0;
  for (int i = 0; i < rounds; i++) {
    int ends[2];
    demand(pipe2(ends, O_CLOEXEC) == 0);
    char text[64] = {0};
    int size = 1 + i % 61;
    memset(text, i, size);
    demand(write(ends[1], text, size) == size);
    demand(read(ends[0], text, sizeof text) == size);
    sum = sum * 31 + (unsigned char)text[0] + size;
    close(ends[0]);
    close(ends[1]);
  }
  say("sum %u\n", sum);
  return 7;
}
