// A finding all of whose words are hostile: the bug of Tests/Victims/c/founding_pipe.c in a program whose arguments, names, functions,
// paths and messages would break out of a line, a terminal, a page or an encoding. With "wait" it then waits to be looked at.
#include "program.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>

#define CONTROLS "\x1b[31m\x1b]0;pwned\x07\xc2\x9b" "31m\r\n\t\x7f"
#define BIDI "\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\x8b\xf3\xa0\x81\x81\xe2\x80\xa8"
#define MARKUP "</script><script>window.pwned=1</script><img src=x onerror=\"window.pwned=1\">'\"`${window.pwned=1}"
#define INVALID "\xff\xed\xa0\x80\xc3"
#define EVIL CONTROLS BIDI MARKUP INVALID

static int ends[2];
static sem_t asleep;

__attribute__((noinline)) static void wake(void) __asm__("\"\x1b[31m\xe2\x80\xae<img src=x onerror=window.pwned=1>\"");
static void wake(void) {
  demand(write(ends[1], "A", 1) == 1);
  __asm__ volatile("");
}

static void *start_child(void *unused) {
  prctl(PR_SET_NAME, "\x1b[7m\xe2\x80\xae<img x>");
  while (sem_wait(&asleep) != 0) continue;
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NAME, "<svg onload=y>\n");
    open("/nowhere/" EVIL, O_RDONLY);
    wake();
    _exit(0);
  }
  waitpid(child, NULL, 0);
  return unused;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    // What the first words were, the test knows.
    char *words[] = {"/x/" EVIL, EVIL, "-" EVIL, argc > 2 ? argv[2] : "", NULL};
    execv("/proc/self/exe", words);
    demand(0);
  }
  demand(prctl(PR_SET_NAME, "\x1b[31m<b>&\xe2\x80\xae\xff") == 0);
  int other[2];
  demand(pipe(ends) == 0 && pipe(other) == 0);
  demand(write(other[1], EVIL, sizeof EVIL - 1) == sizeof EVIL - 1);
  demand(sem_init(&asleep, 0, 0) == 0);
  pthread_t thread;
  demand(pthread_create(&thread, NULL, start_child, NULL) == 0);
  struct pollfd set = {.fd = ends[0], .events = POLLIN};
  for (int polls = 0; polls < 3000; polls++) {
    if (polls == 0) sem_post(&asleep);
    demand(poll(&set, 1, -1) == 1);
  }
  pthread_join(thread, NULL);
  say("done\n");
  if (strcmp(argv[3], "wait") == 0) poll(NULL, 0, 60000);
  return 0;
}
