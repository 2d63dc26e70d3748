// The same pid again and again: as processes that end, exec and are killed, and as a thread's number. In a
// user namespace's pid namespace, where the next pid can be chosen (clone3's set_tid).
#include "program.h"

#include <linux/sched.h>
#include <pthread.h>

static pid_t fork_as(pid_t wanted) {
  struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
  return syscall(SYS_clone3, &arguments, sizeof arguments);
}

static void *thread_tells(void *tid) {
  *(pid_t *)tid = gettid();
  return NULL;
}

static int reuse(void) {
  for (int round = 0; round < 60; round++) {
    int ends[2];
    demand(pipe(ends) == 0);
    pid_t child = fork_as(300);
    if (child == 0) {
      demand(write(ends[1], "x", 1) == 1);
      if (round % 3 == 1) execl("/bin/sh", "sh", "-c", "exit 4", (char *)NULL);
      if (round % 3 == 2) raise(SIGKILL);
      _exit(5);
    }
    if (child != 300) {
      tell("clone3", child);
      return 0;
    }
    int status;
    demand(waitpid(300, &status, 0) == 300);
    if (round < 3) tell_status("pid 300", status);
    close(ends[0]);
    close(ends[1]);
  }
  // Two at once, whose numbers change places.
  for (int round = 0; round < 20; round++) {
    pid_t first = fork_as(301 + round % 2);
    if (first == 0) _exit(1);
    pid_t second = fork_as(302 - round % 2);
    if (second == 0) _exit(2);
    int status;
    demand(waitpid(first, &status, 0) == first && WEXITSTATUS(status) == 1);
    demand(waitpid(second, &status, 0) == second && WEXITSTATUS(status) == 2);
  }
  // A thread gets the number that a process had.
  int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  if (last >= 0) {
    demand(write(last, "299", 3) == 3);
    pthread_t thread;
    pid_t tid = 0;
    demand(pthread_create(&thread, NULL, thread_tells, &tid) == 0 && pthread_join(thread, NULL) == 0);
    say("thread is %d\n", tid);
  }
  say("all ended\n");
  return 0;
}

int main(void) {
  alarm(60);
  if (unshare(geteuid() == 0 ? CLONE_NEWPID : CLONE_NEWUSER | CLONE_NEWPID) != 0) {
    tell("unshare", -1);
    return 0;
  }
  pid_t child = fork();
  if (child == 0) _exit(reuse());
  tell_child("first process", child, 0);
  return 0;
}
