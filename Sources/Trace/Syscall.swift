// The names of x86_64's system calls (Linux 6.1, arch/x86/entry/syscalls/syscall_64.tbl), and of those that faultline
// decodes a constant each.

/// A system call by its x86_64 number.
public struct Syscall: Hashable, Sendable {
  public var number: UInt16

  @inlinable public init(_ number: Int) { self.number = UInt16(truncatingIfNeeded: number) }

  /// The call of that name, or of the number in `syscall_N`.
  public init?(name: some StringProtocol) {
    if let number = Self.names.firstIndex(where: { $0 == name }), !name.isEmpty {
      self.init(number)
    } else if name.hasPrefix("syscall_"), let number = UInt16(name.dropFirst(8)) {
      self.init(Int(number))
    } else {
      return nil
    }
  }

  /// The name in the manual pages; `syscall_N` where this table knows none.
  public var name: String {
    let position = Int(number)
    if position < Self.names.count, !Self.names[position].isEmpty { return Self.names[position] }
    return "syscall_\(number)"
  }

  public static let pipe = Syscall(22)
  public static let pipe2 = Syscall(293)
  public static let eventfd = Syscall(284)
  public static let eventfd2 = Syscall(290)
  public static let socketpair = Syscall(53)
  public static let socket = Syscall(41)
  public static let connect = Syscall(42)
  public static let accept = Syscall(43)
  public static let accept4 = Syscall(288)
  public static let listen = Syscall(50)
  public static let bind = Syscall(49)
  public static let shutdown = Syscall(48)
  public static let dup = Syscall(32)
  public static let dup2 = Syscall(33)
  public static let dup3 = Syscall(292)
  public static let fcntl = Syscall(72)
  public static let close = Syscall(3)
  public static let closeRange = Syscall(436)
  public static let open = Syscall(2)
  public static let openat = Syscall(257)
  public static let openat2 = Syscall(437)
  public static let creat = Syscall(85)
  public static let epollCreate = Syscall(213)
  public static let epollCreate1 = Syscall(291)
  public static let epollCtl = Syscall(233)
  public static let epollWait = Syscall(232)
  public static let epollPwait = Syscall(281)
  public static let epollPwait2 = Syscall(441)
  public static let poll = Syscall(7)
  public static let ppoll = Syscall(271)
  public static let select = Syscall(23)
  public static let pselect6 = Syscall(270)
  public static let read = Syscall(0)
  public static let readv = Syscall(19)
  public static let pread64 = Syscall(17)
  public static let write = Syscall(1)
  public static let writev = Syscall(20)
  public static let pwrite64 = Syscall(18)
  public static let sendto = Syscall(44)
  public static let sendmsg = Syscall(46)
  public static let sendmmsg = Syscall(307)
  public static let recvfrom = Syscall(45)
  public static let recvmsg = Syscall(47)
  public static let recvmmsg = Syscall(299)
  public static let splice = Syscall(275)
  public static let tee = Syscall(276)
  public static let vmsplice = Syscall(278)
  public static let sendfile = Syscall(40)
  public static let signalfd = Syscall(282)
  public static let signalfd4 = Syscall(289)
  public static let timerfdCreate = Syscall(283)
  public static let timerfdSettime = Syscall(286)
  public static let inotifyInit = Syscall(253)
  public static let inotifyInit1 = Syscall(294)
  public static let pidfdOpen = Syscall(434)
  public static let pidfdGetfd = Syscall(438)
  public static let memfdCreate = Syscall(319)
  public static let fork = Syscall(57)
  public static let vfork = Syscall(58)
  public static let clone = Syscall(56)
  public static let clone3 = Syscall(435)
  public static let unshare = Syscall(272)
  public static let execve = Syscall(59)
  public static let execveat = Syscall(322)
  public static let exit = Syscall(60)
  public static let exitGroup = Syscall(231)
  public static let kill = Syscall(62)
  public static let tkill = Syscall(200)
  public static let tgkill = Syscall(234)
  public static let rtSigqueueinfo = Syscall(129)
  public static let rtTgsigqueueinfo = Syscall(297)
  public static let pidfdSendSignal = Syscall(424)
  public static let rtSigaction = Syscall(13)
  public static let rtSigreturn = Syscall(15)
  public static let ioctl = Syscall(16)
  public static let flock = Syscall(73)
  public static let preadv = Syscall(295)
  public static let preadv2 = Syscall(327)
  public static let pwritev = Syscall(296)
  public static let pwritev2 = Syscall(328)
  public static let nanosleep = Syscall(35)
  public static let clockNanosleep = Syscall(230)
  public static let wait4 = Syscall(61)
  public static let waitid = Syscall(247)
  public static let ioUringSetup = Syscall(425)
  public static let restartSyscall = Syscall(219)
  public static let futex = Syscall(202)
  public static let ptrace = Syscall(101)
  public static let prctl = Syscall(157)
  public static let seccomp = Syscall(317)
  public static let openByHandleAt = Syscall(304)
  public static let perfEventOpen = Syscall(298)
  public static let bpf = Syscall(321)
  public static let userfaultfd = Syscall(323)
  public static let fanotifyInit = Syscall(300)
  public static let mqOpen = Syscall(240)
  public static let openTree = Syscall(428)
  public static let fsopen = Syscall(430)
  public static let fsmount = Syscall(432)
  public static let fspick = Syscall(433)
  public static let landlockCreateRuleset = Syscall(444)
  public static let memfdSecret = Syscall(447)
  public static let semop = Syscall(65)
  public static let semtimedop = Syscall(220)
  public static let ioGetevents = Syscall(208)
  public static let ioUringEnter = Syscall(426)
  public static let setuid = Syscall(105)
  public static let setreuid = Syscall(113)
  public static let setresuid = Syscall(117)
  public static let capset = Syscall(126)
  public static let setns = Syscall(308)
  public static let pause = Syscall(34)
  public static let rtSigsuspend = Syscall(130)
  public static let rtSigtimedwait = Syscall(128)

  static let names: [String] = [
    "read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap", "mprotect", "munmap", "brk",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "ioctl", "pread64", "pwrite64", "readv", "writev", "access",
    "pipe", "select", "sched_yield", "mremap", "msync", "mincore", "madvise", "shmget", "shmat", "shmctl", "dup",
    "dup2", "pause", "nanosleep", "getitimer", "alarm", "setitimer", "getpid", "sendfile", "socket", "connect",
    "accept", "sendto", "recvfrom", "sendmsg", "recvmsg", "shutdown", "bind", "listen", "getsockname", "getpeername",
    "socketpair", "setsockopt", "getsockopt", "clone", "fork", "vfork", "execve", "exit", "wait4", "kill", "uname",
    "semget", "semop", "semctl", "shmdt", "msgget", "msgsnd", "msgrcv", "msgctl", "fcntl", "flock", "fsync",
    "fdatasync", "truncate", "ftruncate", "getdents", "getcwd", "chdir", "fchdir", "rename", "mkdir", "rmdir",
    "creat", "link", "unlink", "symlink", "readlink", "chmod", "fchmod", "chown", "fchown", "lchown", "umask",
    "gettimeofday", "getrlimit", "getrusage", "sysinfo", "times", "ptrace", "getuid", "syslog", "getgid", "setuid",
    "setgid", "geteuid", "getegid", "setpgid", "getppid", "getpgrp", "setsid", "setreuid", "setregid", "getgroups",
    "setgroups", "setresuid", "getresuid", "setresgid", "getresgid", "getpgid", "setfsuid", "setfsgid", "getsid",
    "capget", "capset", "rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "rt_sigsuspend", "sigaltstack",
    "utime", "mknod", "uselib", "personality", "ustat", "statfs", "fstatfs", "sysfs", "getpriority", "setpriority",
    "sched_setparam", "sched_getparam", "sched_setscheduler", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "sched_rr_get_interval", "mlock", "munlock", "mlockall", "munlockall", "vhangup",
    "modify_ldt", "pivot_root", "_sysctl", "prctl", "arch_prctl", "adjtimex", "setrlimit", "chroot", "sync", "acct",
    "settimeofday", "mount", "umount2", "swapon", "swapoff", "reboot", "sethostname", "setdomainname", "iopl",
    "ioperm", "create_module", "init_module", "delete_module", "get_kernel_syms", "query_module", "quotactl",
    "nfsservctl", "getpmsg", "putpmsg", "afs_syscall", "tuxcall", "security", "gettid", "readahead", "setxattr",
    "lsetxattr", "fsetxattr", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
    "removexattr", "lremovexattr", "fremovexattr", "tkill", "time", "futex", "sched_setaffinity", "sched_getaffinity",
    "set_thread_area", "io_setup", "io_destroy", "io_getevents", "io_submit", "io_cancel", "get_thread_area",
    "lookup_dcookie", "epoll_create", "epoll_ctl_old", "epoll_wait_old", "remap_file_pages", "getdents64",
    "set_tid_address", "restart_syscall", "semtimedop", "fadvise64", "timer_create", "timer_settime", "timer_gettime",
    "timer_getoverrun", "timer_delete", "clock_settime", "clock_gettime", "clock_getres", "clock_nanosleep",
    "exit_group", "epoll_wait", "epoll_ctl", "tgkill", "utimes", "vserver", "mbind", "set_mempolicy", "get_mempolicy",
    "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr", "kexec_load", "waitid",
    "add_key", "request_key", "keyctl", "ioprio_set", "ioprio_get", "inotify_init", "inotify_add_watch",
    "inotify_rm_watch", "migrate_pages", "openat", "mkdirat", "mknodat", "fchownat", "futimesat", "newfstatat",
    "unlinkat", "renameat", "linkat", "symlinkat", "readlinkat", "fchmodat", "faccessat", "pselect6", "ppoll",
    "unshare", "set_robust_list", "get_robust_list", "splice", "tee", "sync_file_range", "vmsplice", "move_pages",
    "utimensat", "epoll_pwait", "signalfd", "timerfd_create", "eventfd", "fallocate", "timerfd_settime",
    "timerfd_gettime", "accept4", "signalfd4", "eventfd2", "epoll_create1", "dup3", "pipe2", "inotify_init1",
    "preadv", "pwritev", "rt_tgsigqueueinfo", "perf_event_open", "recvmmsg", "fanotify_init", "fanotify_mark",
    "prlimit64", "name_to_handle_at", "open_by_handle_at", "clock_adjtime", "syncfs", "sendmmsg", "setns", "getcpu",
    "process_vm_readv", "process_vm_writev", "kcmp", "finit_module", "sched_setattr", "sched_getattr", "renameat2",
    "seccomp", "getrandom", "memfd_create", "kexec_file_load", "bpf", "execveat", "userfaultfd", "membarrier",
    "mlock2", "copy_file_range", "preadv2", "pwritev2", "pkey_mprotect", "pkey_alloc", "pkey_free", "statx",
    "io_pgetevents", "rseq", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
    "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
    "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
    "", "", "", "", "", "", "", "", "", "", "", "pidfd_send_signal", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "pidfd_open", "clone3",
    "close_range", "openat2", "pidfd_getfd", "faccessat2", "process_madvise", "epoll_pwait2", "mount_setattr",
    "quotactl_fd", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "memfd_secret",
    "process_mrelease", "futex_waitv", "set_mempolicy_home_node",
  ]
}
