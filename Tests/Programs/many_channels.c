// Channels by the thousand: 2,000 pipes at once on scattered numbers, 200 rounds of making and closing, on ever new
// numbers, in threads and through a line of programs of which each makes some. The kernel's limit of filter
// instructions is nowhere reached.
#include "channels.h"

#include <sys/resource.h>

enum { PIPES = 2000, ROUNDS = 200, GENERATIONS = 20, SCATTERED = 100 };

static int ends[PIPES][2];

static void at_once(void) {
  int made = 0, right = 0;
  while (made < PIPES && pipe(ends[made]) == 0) made++;
  for (int i = 0; i < made; i += 3) right += carries(ends[i][1], ends[i][0], (unsigned)i);
  say("at once: %d, of every third %d carry\n", made, right);
  pid_t child = fork();
  if (child == 0) {
    alarm(40);
    int child_right = 0;
    for (int i = 0; i < made; i += 7) child_right += carries(ends[i][1], ends[i][0], (unsigned)i);
    say("in a child: %d\n", child_right);
    _exit(0);
  }
  tell_child("child", child, 0);
  for (int i = 0; i < made; i++) demand(close(ends[i][0]) == 0 && close(ends[i][1]) == 0);
  tell_channels("after them");
}

static void in_rounds(void) {
  int right = 0;
  for (unsigned i = 0; i < ROUNDS; i++) right += !channels_work(i);
  say("rounds on the same numbers: %d\n", right);
  right = 0;
  for (int i = 0; i < ROUNDS; i++) {
    demand(pipe(ends[i]) == 0);
    right += carries(ends[i][1], ends[i][0], (unsigned)i);
    // Every other end stays, so that each round has new numbers.
    close(ends[i][i & 1]);
  }
  say("rounds on new numbers: %d\n", right);
}

// One number in each block of any size a tracer might think of.
static void scattered(void) {
  int pair[2], right = 0, limit = (int)sysconf(_SC_OPEN_MAX);
  demand(pipe(pair) == 0);
  int step = (limit - 20) / SCATTERED;
  for (int i = 0; i < SCATTERED; i++) {
    int fd = eventfd(0, 0);
    demand(fd >= 0);
    int to = 10 + i * step;
    if (fd != to) {
      demand(dup2(fd, to) == to);
      close(fd);
    }
    right += counts(to, (uint64_t)i + 1);
  }
  for (int i = SCATTERED; i-- > 0;) right += counts(10 + i * step, (uint64_t)i + 1) && close(10 + i * step) == 0;
  say("scattered: %d, carries %d\n", right, pair[1] < 10 && carries(pair[1], pair[0], 3));
}

static void *rounds(void *right) {
  for (unsigned i = 0; i < 50; i++) *(int *)right += !channels_work(i);
  return NULL;
}

static void in_threads(void) {
  int right[16] = {0}, sum = 0;
  pthread_t threads[16];
  for (int i = 0; i < 16; i++) threads[i] = start(rounds, &right[i]);
  for (int i = 0; i < 16; i++) {
    pthread_join(threads[i], NULL);
    sum += right[i];
  }
  say("in threads: %d\n", sum);
}

// What filters there are come along through exec; each program makes channels on numbers of its own.
static int generation(int left) {
  alarm(40);
  int pair[2], right = 0;
  for (int i = 0; i < 6; i++) {
    if (pipe2(pair, O_CLOEXEC) != 0) return 2;
    int high = fcntl(pair[0], F_DUPFD_CLOEXEC, 20 + left * 37 + i * 5);
    right += high >= 0 && carries(pair[1], high, (unsigned)i);
  }
  if (right != 6 || channels_work_across_fork(3)) return 3;
  if (left == 0) return 0;
  char text[16];
  snprintf(text, sizeof text, "%d", left - 1);
  execl("/proc/self/exe", "many_channels", text, (char *)NULL);
  return 4;
}

static void in_generations(void) { _exit(generation(GENERATIONS)); }

int main(int count, char **arguments) {
  if (count > 1) return generation(atoi(arguments[1]));
  alarm(60);
  struct rlimit limit;
  demand(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
  demand(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  in_child("at once", at_once);
  in_child("in rounds", in_rounds);
  in_child("scattered", scattered);
  in_child("in threads", in_threads);
  in_child("in generations", in_generations);
  return 0;
}
