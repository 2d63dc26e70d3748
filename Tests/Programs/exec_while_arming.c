// Programs are replaced and copied in the middle of making channels: one thread execs while others make pipes, storms
// of threads and processes make them from their first instruction, children of vfork and posix_spawn get pipes for
// standard descriptors, threads fork while their siblings are in pipe2.
#include "channels.h"

#include <spawn.h>

enum { EXECS = 150, MAKERS = 3, BIRTHS = 40, SPAWNS = 30, FORKS = 20 };

extern char **environ;
static atomic_bool ends_now;
static atomic_int failures;

static void *make(void *until_told) {
  for (unsigned i = 0; until_told ? !atomic_load(&ends_now) : i < 8; i++)
    if (channels_work(i)) atomic_fetch_add(&failures, 1);
  return NULL;
}

// Says by its status whether it and what it was left with are in order: ends 10 and 11 are a pipe.
static int arrived(void) {
  alarm(30);
  if (!carries(11, 10, 7)) return 2;
  // No number of the threads' channels came along: all are close-on-exec.
  for (int fd = 3; fd < 40; fd++)
    if (fd != 10 && fd != 11 && fcntl(fd, F_GETFD) != -1) return 3;
  return channels_work(8) || channels_work_across_fork(9) ? 4 : 0;
}

static void *replace(void *program) {
  execl(program, program, "arrived", (char *)NULL);
  return NULL;
}

static void execs(void) {
  int right = 0;
  for (int i = 0; i < EXECS; i++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(30);
      int ends[2];
      demand(pipe(ends) == 0 && dup2(ends[0], 10) == 10 && dup2(ends[1], 11) == 11);
      close(ends[0]);
      close(ends[1]);
      for (int k = 0; k < MAKERS; k++) start(make, (void *)1);
      if (i % 3 == 0) replace("/proc/self/exe");
      // Not the leader: its number is taken over.
      start(replace, "/proc/self/exe");
      make((void *)1);
    }
    int status;
    demand(waitpid(child, &status, 0) == child);
    if (status == 0) right++;
    else tell_status("exec", status);
  }
  say("execs: %d\n", right);
}

static void births(void) {
  pthread_t threads[BIRTHS];
  for (int i = 0; i < BIRTHS; i++) threads[i] = start(make, NULL);
  for (int i = 0; i < BIRTHS; i++) pthread_join(threads[i], NULL);
  say("threads: failures %d\n", atomic_load(&failures));
  for (int i = 0; i < BIRTHS; i++)
    if (fork() == 0) _exit(channels_work((unsigned)i) ? 1 : 0);
  int right = 0, status;
  while (wait(&status) > 0) right += status == 0;
  say("processes: %d\n", right);
}

// cat between two pipes, started in different ways.
static bool converses(int way) {
  int in[2], out[2];
  demand(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
  char *const arguments[] = {"cat", NULL};
  pid_t child;
  if (way == 0) {
    child = vfork();
    if (child == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      execv("/bin/cat", arguments);
      _exit(9);
    }
  } else {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    demand(posix_spawn(&child, "/bin/cat", &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  close(in[0]);
  close(out[1]);
  bool right = carries(in[1], out[0], (unsigned)way + 3);
  close(in[1]);
  char byte;
  right = right && read(out[0], &byte, 1) == 0;
  close(out[0]);
  int status;
  return waitpid(child, &status, 0) == child && status == 0 && right;
}

static void *fork_too(void *unused) {
  for (unsigned i = 0; i < FORKS; i++) {
    const char *wrong = channels_work_across_fork(i);
    if (wrong) {
      say("%s\n", wrong);
      atomic_fetch_add(&failures, 1);
    }
  }
  return unused;
}

int main(int count, char **arguments) {
  (void)arguments;
  if (count > 1) return arrived();
  alarm(60);
  execs();
  births();
  int right = 0;
  for (int i = 0; i < SPAWNS; i++) right += converses(i & 1);
  say("spawns: %d\n", right);
  pthread_t makers[MAKERS], forkers[2];
  for (int i = 0; i < MAKERS; i++) makers[i] = start(make, (void *)1);
  for (int i = 0; i < 2; i++) forkers[i] = start(fork_too, NULL);
  right = 0;
  for (int i = 0; i < SPAWNS; i++) right += converses(i & 1);
  for (int i = 0; i < 2; i++) pthread_join(forkers[i], NULL);
  atomic_store(&ends_now, true);
  for (int i = 0; i < MAKERS; i++) pthread_join(makers[i], NULL);
  say("among threads: spawns %d, failures %d\n", right, atomic_load(&failures));
  return 0;
}
