// Texts that would break out of a line, a terminal or an encoding, wherever a trace has texts: argv, a thread's name, an
// address, a path, a payload.
#include "program.h"
#include <poll.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define EVIL "\x1b[31m\"\\\n\xff\xe2\x80\xae"

int main(int argc, char **argv) {
  if (argc == 1) {
    char *words[] = {"/x/" EVIL, EVIL "1", "{\"a\":1}\r\n\xed\xa0\x80", "", NULL};
    execv("/proc/self/exe", words);
    demand(0);
  }
  demand(argc == 4 && argv[3][0] == 0);
  demand(prctl(PR_SET_NAME, EVIL) == 0);

  int ends[2];
  demand(pipe2(ends, O_CLOEXEC) == 0);
  demand(write(ends[1], "\x00\x7f\x80" EVIL, 3 + sizeof EVIL - 1) == 3 + sizeof EVIL - 1);
  struct pollfd set = {.fd = ends[0], .events = POLLIN};
  demand(poll(&set, 1, -1) == 1);
  char bytes[64];
  demand(read(ends[0], bytes, sizeof bytes) == 3 + sizeof EVIL - 1);

  int one = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%d" EVIL, getpid());
  demand(bind(one, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + length) == 0);
  demand(open("/nowhere/" EVIL, O_RDONLY) < 0 && errno == ENOENT);
  say("done\n");
  return 0;
}
