// Secrets wherever a trace could keep them: command line, environment, paths, addresses, payload. With "wait" it then says so, and
// waits to be looked at.
#include "program.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SECRET "s3cret"

int main(int argc, char **argv) {
  if (!getenv("KEY")) {
    setenv("KEY", SECRET "0", 1);
    char *words[] = {argv[0], "--token=" SECRET "1", "-k", SECRET "2", "-p" SECRET "3", "/home/" SECRET "4/data", argv[1], NULL};
    execv("/proc/self/exe", words);
    demand(0);
  }
  for (int i = 0; i < 2; i++) demand(open("/nowhere/" SECRET "5/file", O_RDONLY) < 0);
  char folder[] = "/tmp/" SECRET "6-XXXXXX", path[128];
  demand(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/" SECRET "7", folder);
  int kept = open(path, O_RDWR | O_CREAT, 0600);
  demand(kept >= 0);

  int ends[2];
  demand(pipe(ends) == 0);
  demand(write(ends[1], SECRET, 6) == 6);
  struct pollfd set = {.fd = ends[0], .events = POLLIN};
  demand(poll(&set, 1, -1) == 1);

  int named = socket(AF_UNIX, SOCK_STREAM, 0), abstract = socket(AF_UNIX, SOCK_DGRAM, 0), inet = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s/" SECRET "8", folder);
  demand(bind(named, (struct sockaddr *)&address, sizeof address) == 0);
  demand(listen(named, 1) == 0);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  demand(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
  unlink(address.sun_path);
  struct sockaddr_un other = {.sun_family = AF_UNIX};
  int length = snprintf(other.sun_path + 1, sizeof other.sun_path - 1, "%d" SECRET "9", getpid());
  demand(bind(abstract, (struct sockaddr *)&other, offsetof(struct sockaddr_un, sun_path) + 1 + length) == 0);
  struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(5353), .sin_addr.s_addr = htonl(0xC0000207)};
  connect(inet, (struct sockaddr *)&far, sizeof far);

  if (argc > 6 && strcmp(argv[6], "wait") == 0) {
    say("ready\n");
    demand(poll(&set, 0, 60000) == 0);
  }
  close(kept);
  unlink(path);
  rmdir(folder);
  say("done\n");
  return 0;
}
