// Tells all that a process inherits through fork and exec: descriptors, mask, ignored signals, limits, umask,
// folder, process group, terminal and scheduling. A tracer that launches it must hand all of that on.
#include "program.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

static void tell_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  demand(folder);
  int highest = -1;
  char open_ones[1024] = "";
  for (struct dirent *entry; (entry = readdir(folder));) {
    int fd = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(folder)) continue;
    if (fd > highest) highest = fd;
    char one[48];
    snprintf(one, sizeof one, " %d(%x,%x)", fd, fcntl(fd, F_GETFD), fcntl(fd, F_GETFL) & O_ACCMODE);
    if (strlen(open_ones) + strlen(one) < sizeof open_ones) strcat(open_ones, one);
  }
  closedir(folder);
  say("descriptors:%s\n", open_ones);
  say("next descriptor: %d\n", open("/dev/null", O_RDONLY | O_CLOEXEC));
}

int main(int count, char **arguments) {
  // So that a descriptor 1 that was closed is seen as such.
  tell_descriptors();
  sigset_t mask, pending;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  sigpending(&pending);
  for (int number = 1; number <= SIGRTMAX; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0) continue;
    if (sigismember(&mask, number)) say("blocked: %s\n", signal_name(number));
    if (sigismember(&pending, number)) say("pending: %s\n", signal_name(number));
    if (action.sa_handler == SIG_IGN) say("ignored: %s\n", signal_name(number));
    else if (action.sa_handler != SIG_DFL) say("handled: %s\n", signal_name(number));
  }
  for (int which = 0; which < RLIM_NLIMITS; which++) {
    struct rlimit limit;
    demand(getrlimit(which, &limit) == 0);
    say("limit %d: %ld %ld\n", which, (long)limit.rlim_cur, (long)limit.rlim_max);
  }
  mode_t mode = umask(0);
  umask(mode);
  char folder[4096];
  say("umask %03o, folder %s, argv %d %s\n", mode, getcwd(folder, sizeof folder), count,
      strrchr(arguments[0], '/') + 1);
  int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
  say("group of the parent: %d, session of the parent: %d, terminal: %s\n", getpgrp() == getpgid(getppid()),
      getsid(0) == getsid(getppid()), terminal < 0 ? strerrorname_np(errno) : "yes");
  struct itimerspec none;
  timer_t timer;
  say("nice %d, policy %d, slack %d, dumpable %d, personality %x, subreaper ", getpriority(PRIO_PROCESS, 0),
      sched_getscheduler(0), prctl(PR_GET_TIMERSLACK), prctl(PR_GET_DUMPABLE), personality(0xFFFFFFFF));
  int subreaper = -1, death = -1;
  prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  prctl(PR_GET_PDEATHSIG, &death);
  say("%d, death signal %d, keepcaps %d\n", subreaper, death, prctl(PR_GET_KEEPCAPS));
  cpu_set_t processors;
  demand(sched_getaffinity(0, sizeof processors, &processors) == 0);
  say("processors %d, uid %d %d, gid %d %d, groups %d\n", CPU_COUNT(&processors), getuid(), geteuid(), getgid(),
      getegid(), getgroups(0, NULL));
  // A leftover timer or alarm of the launcher's would be ours after exec.
  struct itimerval left;
  getitimer(ITIMER_REAL, &left);
  say("alarm %ld\n", (long)left.it_value.tv_sec);
  demand(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0 && timer_gettime(timer, &none) == 0);
  say("children: ");
  tell("wait", wait(NULL));
  return 0;
}
