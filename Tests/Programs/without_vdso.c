// A process does without its vDSO: it is unmapped, moved elsewhere, made inaccessible, overwritten by its own page,
// or was copied and looked at byte for byte. Channels are made all the same, and the vDSO is what it was.
#include "channels.h"

#include <sys/auxv.h>

static char *place;
static size_t size;

static void find(void) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[512];
  while (fgets(line, sizeof line, maps)) {
    unsigned long first, last;
    if (strstr(line, "[vdso]") && sscanf(line, "%lx-%lx", &first, &last) == 2) {
      place = (char *)first;
      size = last - first;
    }
  }
  fclose(maps);
  demand(place && (unsigned long)place == getauxval(AT_SYSINFO_EHDR));
}

static void *make_too(void *wrong) {
  for (unsigned i = 0; i < 10; i++)
    if (channels_work(i)) ++*(int *)wrong;
  return NULL;
}

static void channels(const char *when) {
  tell_channels(when);
  int wrong = 0;
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) threads[i] = start(make_too, &wrong);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  if (wrong) say("%s: in threads: %d wrong\n", when, wrong);
}

static void unmapped(void) {
  demand(munmap(place, size) == 0);
  channels("unmapped");
}

static void unmapped_later(void) {
  int ends[2];
  demand(pipe(ends) == 0);
  channels("before");
  demand(munmap(place, size) == 0);
  say("carries: %d\n", carries(ends[1], ends[0], 1));
  channels("unmapped");
}

static void moved(void) {
  char *other = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  demand(other != MAP_FAILED);
  demand(mremap(place, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);
  channels("moved");
}

static void forbidden(void) {
  demand(mprotect(place, size, PROT_NONE) == 0);
  channels("without access");
}

static void for_reading(void) {
  demand(mprotect(place, size, PROT_READ) == 0);
  channels("not to be executed");
}

// Where it was lies something of the program's own now.
static void replaced(void) {
  demand(munmap(place, size) == 0);
  unsigned char *own = mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  demand(own != MAP_FAILED);
  memset(own, 0x5C, size);
  channels("replaced");
  size_t spoiled = 0;
  for (size_t i = 0; i < size; i++) spoiled += own[i] != 0x5C;
  say("bytes spoiled: %zu\n", spoiled);
}

// As above, after a tracer has had reason to look where the vDSO lies; the numbers that follow are new ones.
static void replaced_later(void) {
  channels("before");
  for (int i = 0; i < 100; i++) demand(open("/dev/null", O_RDONLY) >= 0);
  replaced();
}

// Its tail is the program's as well: a copy taken first is equal in the end.
static void compared(void) {
  char *copy = malloc(size);
  demand(copy);
  memcpy(copy, place, size);
  channels("compared");
  say("as it was: %d\n", memcmp(copy, place, size) == 0);
  demand(mprotect(place, size, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
  memset(place + size - 1024, 0x77, 1024);
  channels("used");
  size_t spoiled = 0;
  for (size_t i = size - 1024; i < size; i++) spoiled += place[i] != 0x77;
  say("bytes spoiled: %zu\n", spoiled);
  struct timespec now;
  say("clock_gettime: %d\n", clock_gettime(CLOCK_MONOTONIC, &now));
}

int main(void) {
  alarm(60);
  find();
  in_child("unmapped", unmapped);
  in_child("unmapped later", unmapped_later);
  in_child("forbidden", forbidden);
  in_child("for reading", for_reading);
  in_child("moved", moved);
  in_child("replaced", replaced);
  in_child("replaced later", replaced_later);
  in_child("compared", compared);
  return 0;
}
