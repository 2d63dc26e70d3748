// Threads wake a loop by its eventfd: two write, one polls and reads. It is a semaphore, so that every write is read once
// and the number of calls is the same in each run. usage: eventfd_storm WRITES
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int wakeup;
static long each;

static void *writer(void *unused) {
  uint64_t one = 1;
  (void)unused;
  for (long i = 0; i < each; i++)
    if (write(wakeup, &one, sizeof one) != sizeof one) exit(1);
  return NULL;
}

int main(int argc, char **argv) {
  each = (argc > 1 ? atol(argv[1]) : 1000) / 2;
  wakeup = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
  if (wakeup < 0) return 1;
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, writer, NULL) != 0) return 1;
  for (long i = 0; i < 2 * each; i++) {
    struct pollfd set = {.fd = wakeup, .events = POLLIN};
    uint64_t value;
    if (poll(&set, 1, -1) != 1 || read(wakeup, &value, sizeof value) != sizeof value) return 1;
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return 0;
}
