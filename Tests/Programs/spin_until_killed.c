// Spins on an unread pipe, says "spinning" after 1,000 polls, and goes on until it is killed (or a minute has passed).
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], "A", 1) != 1) return 1;
  time_t end = time(NULL) + 60;
  for (long polls = 0; time(NULL) < end; polls++) {
    struct pollfd set = {ends[0], POLLIN, 0};
    if (poll(&set, 1, -1) != 1) return 1;
    if (polls == 1000) {
      puts("spinning");
      fflush(stdout);
    }
  }
  return 2;
}
