// A thread that is not the leader calls exec while the leader reads: its number becomes the leader's (ptrace(2), "execve under
// ptrace"), and the other threads vanish in mid-call.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *read_for_ever(void *unused) {
  (void)unused;
  char byte;
  int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  while (read(zero, &byte, 1) == 1) continue;
  return NULL;
}

static void *exec_true(void *unused) {
  (void)unused;
  execl("/bin/true", "true", (char *)NULL);
  return NULL;
}

int main(void) {
  alarm(60);
  for (int round = 0; round < 40; round++) {
    pid_t child = fork();
    if (child == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, read_for_ever, NULL);
      pthread_create(&thread, NULL, exec_true, NULL);
      read_for_ever(NULL);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  puts("all exec'd");
  return 0;
}
