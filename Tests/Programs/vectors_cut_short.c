// A blocking writev that has moved a part, and a semtimedop, in the midst of signals that their process
// ignores: what a tracer cannot put right, since the parts lie in the program's memory, and the kernel keeps
// no account of the time.
#include "blocking_calls.h"

static void nothing(void) {}

static long call_writev(void) {
  struct iovec parts[2] = {{big, 1000}, {big, sizeof big}};
  return syscall(SYS_writev, ends[1], parts, 2);
}

static long call_semtimedop(void) {
  int id = semget(IPC_PRIVATE, 1, 0600);
  struct sembuf down = {0, -1, 0};
  long result = semtimedop(id, &down, 1, &(struct timespec){0, 200000000});
  int error = errno;
  semctl(id, 0, IPC_RMID);
  errno = error;
  return result;
}

int main(void) {
  alarm(60);
  pid_t child = begin(&(struct blocking){"writev", call_writev}, nothing);
  kill(child, SIGWINCH);
  finish(&(struct blocking){"writev", call_writev}, child, "SIGWINCH");
  int64_t begun = now_ms();
  child = begin(&(struct blocking){"semtimedop", call_semtimedop}, nothing);
  while (!atomic_load(&outcome->returned) && now_ms() < begun + 1000) {
    kill(child, SIGWINCH);
    nap();
  }
  say("semtimedop: %s\n", now_ms() < begun + 900 ? "in time" : "too late");
  finish(&(struct blocking){"semtimedop", call_semtimedop}, child, "SIGWINCH");
  return 0;
}
