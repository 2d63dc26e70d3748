// A process gives up what lets it install a filter, in every way there is, before and after it makes channels: other
// users, no capabilities, namespaces, another root, not dumpable, few descriptors, little memory. Who may not do it
// is told so, natively and traced.
#include "channels.h"

#include <linux/capability.h>
#include <sys/resource.h>

static int made[2];

static void before(void) {
  demand(pipe(made) == 0);
  tell_channels("before");
}
static void after(void) {
  say("uid %d %d, gid %d\n", getuid(), geteuid(), getgid());
  say("the pipe from before carries: %d\n", made[1] ? carries(made[1], made[0], 3) : 1);
  tell_channels("after");
  tell("no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void by_setuid(void) { before(); tell("setuid", setuid(65534)); after(); }
static void by_setuid_first(void) { tell("setuid", setuid(65534)); after(); }
static void by_setresuid(void) {
  before();
  tell("setresgid", setresgid(65534, 65534, 65534));
  tell("setresuid", setresuid(65534, 65534, 65534));
  after();
}
static void by_raw_setuid(void) { before(); tell("setuid", syscall(SYS_setuid, 65534)); after(); }
static void for_a_while(void) {
  before();
  tell("setresuid", setresuid(-1, 65534, -1));
  after();
  tell("setresuid", setresuid(-1, 0, -1));
  after();
}
static void *as_another(void *unused) {
  // Of this thread alone: the raw call does not tell the others.
  tell("setresuid in a thread", syscall(SYS_setresuid, 65534, 65534, 65534));
  tell_channels("in that thread");
  return unused;
}
static void in_one_thread(void) {
  before();
  pthread_join(start(as_another, NULL), NULL);
  after();
}
static atomic_int over;
static void *make(void *wrong) {
  while (!atomic_load(&over))
    if (channels_work(1)) ++*(int *)wrong;
  return NULL;
}
static void amid_threads(void) {
  int wrong[3] = {0};
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) threads[i] = start(make, &wrong[i]);
  before();
  tell("setuid", setuid(65534));
  after();
  atomic_store(&over, 1);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  say("wrong: %d\n", wrong[0] + wrong[1] + wrong[2]);
}
static void without_capabilities(void) {
  before();
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {0};
  tell("capset", syscall(SYS_capset, &header, data));
  after();
}
static void in_user_namespace(void) {
  before();
  tell("unshare", unshare(CLONE_NEWUSER));
  after();
}
static void in_user_namespace_first(void) { tell("unshare", unshare(CLONE_NEWUSER)); after(); }
static void in_others_namespace(void) {
  before();
  int ready[2];
  demand(pipe(ready) == 0);
  pid_t other = fork();
  if (other == 0) {
    alarm(30);
    bool done = unshare(CLONE_NEWUSER) == 0;
    demand(write(ready[1], done ? "y" : "n", 1) == 1);
    for (;;) pause();
  }
  char answer, path[64];
  demand(read(ready[0], &answer, 1) == 1);
  snprintf(path, sizeof path, "/proc/%d/ns/user", other);
  int space = open(path, O_RDONLY | O_CLOEXEC);
  tell("setns", setns(space, CLONE_NEWUSER));
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  after();
}
static void born_in_namespace(void) {
  before();
  pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    tell_channels("in a namespace");
    _exit(5);
  }
  if (child > 0) tell_child("born there", child, 0);
  else tell("clone", child);
  after();
}
static void in_another_root(void) { before(); tell("chroot", chroot("/proc/self/fdinfo")); after(); }
static void in_no_root(void) {
  before();
  char path[] = "/tmp/empty-XXXXXX";
  demand(mkdtemp(path));
  int result = chroot(path);
  int error = errno;
  if (result == 0) demand(chdir("/") == 0);
  else rmdir(path);
  errno = error;
  tell("chroot", result);
  after();
}
static void not_dumpable(void) {
  before();
  tell("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
  after();
  tell("PR_GET_DUMPABLE", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}
static void not_dumpable_first(void) { tell("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); after(); }
static void few_descriptors(void) {
  before();
  int top = dup(0);
  close(top);
  // As many as the check itself needs.
  tell("RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)top + 6, (rlim_t)top + 6}));
  int ends[4][2], count = 0;
  while (count < 4 && pipe(ends[count]) == 0) count++;
  say("pipes until %s: %d\n", strerrorname_np(errno), count);
  while (count-- > 0) {
    close(ends[count][0]);
    close(ends[count][1]);
  }
  after();
}
static void little_memory(void) {
  before();
  struct rlimit now = {0};
  demand(getrlimit(RLIMIT_AS, &now) == 0);
  tell("RLIMIT_AS", setrlimit(RLIMIT_AS, &(struct rlimit){4096, now.rlim_max}));
  tell("RLIMIT_MEMLOCK", setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0}));
  tell("RLIMIT_DATA", setrlimit(RLIMIT_DATA, &(struct rlimit){4096, 4096}));
  say("mmap fails: %d\n", mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  say("channels: %s\n", channels_work(3) ? "wrong" : "work");
  setrlimit(RLIMIT_AS, &now);
  after();
}
static void no_new_privileges(void) {
  before();
  tell("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  tell("setuid", setuid(65534));
  after();
}
static void exec_as_another(void) {
  before();
  tell("setuid", setuid(65534));
  execl("/bin/sh", "sh", "-c", "for i in 1 2 3; do echo round $i | cat | cat; done", (char *)NULL);
}

int main(void) {
  alarm(60);
#define RUN(body) in_child(#body, body)
  RUN(by_setuid);
  RUN(by_setuid_first);
  RUN(by_setresuid);
  RUN(by_raw_setuid);
  RUN(for_a_while);
  RUN(in_one_thread);
  RUN(amid_threads);
  RUN(without_capabilities);
  RUN(in_user_namespace);
  RUN(in_user_namespace_first);
  RUN(in_others_namespace);
  RUN(born_in_namespace);
  RUN(in_another_root);
  RUN(in_no_root);
  RUN(not_dumpable);
  RUN(not_dumpable_first);
  RUN(few_descriptors);
  RUN(little_memory);
  RUN(no_new_privileges);
  RUN(exec_as_another);
  return 0;
}
