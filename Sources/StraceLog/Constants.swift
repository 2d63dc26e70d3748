// The names of the kernel's constants, as far as what they say matters here (Linux 6.1, include/uapi; values of x86_64).

enum Constants {
  /// A word's value.
  static func value(_ scanner: Scanner, _ name: Range<Int>) -> UInt64? { flags[scanner, name] }

  /// An errno's number.
  static func errno(_ scanner: Scanner, _ name: Range<Int>) -> Int64? { errnos[scanner, name] }

  /// ERESTARTSYS and its kin (include/linux/errno.h): 512 to 516.
  static func restart(_ scanner: Scanner, _ name: Range<Int>) -> Int64? {
    guard let number = errnos[scanner, name], number >= 512 else { return nil }
    return number
  }

  /// A signal's number: SIGTERM, SIGRT_2, SIGRTMIN, or a number.
  static func signal(_ scanner: Scanner) -> Int32? {
    var scanner = scanner
    if let number = scanner.decimal() { return number > 0 && number <= 64 ? Int32(number) : nil }
    let name = scanner.word()
    if let known = signals[scanner, name] { return known }
    var inner = Scanner(scanner.bytes, name)
    if inner.skip("SIGRT_"), let number = inner.decimal(), number <= 32 { return Int32(number) + 32 }
    guard inner.skip("SIGRTMIN") else { return nil }
    if scanner.skip(0x2B), let further = scanner.decimal(), further <= 32 { return Int32(further) + 32 }
    return 32
  }

  private static let signals = WordTable<Int32>(
    [
      "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
      "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
      "WINCH", "IO", "PWR", "SYS",
    ].enumerated().map { ("SIG\($0.element)", Int32($0.offset) + 1) } + [
      ("SIGPOLL", 29), ("SIGIOT", 6), ("SIGCLD", 17),
    ]
  )

  /// By number from 1; asm-generic/errno-base.h and errno.h.
  private static let errnoNames = [
    "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN", "ENOMEM",
    "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL", "ENFILE",
    "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE",
    "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", "", "ENOMSG", "EIDRM", "ECHRNG", "EL2NSYNC",
    "EL3HLT", "EL3RST", "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE", "EBADR", "EXFULL", "ENOANO", "EBADRQC",
    "EBADSLT", "", "EBFONT", "ENOSTR", "ENODATA", "ETIME", "ENOSR", "ENONET", "ENOPKG", "EREMOTE", "ENOLINK", "EADV",
    "ESRMNT", "ECOMM", "EPROTO", "EMULTIHOP", "EDOTDOT", "EBADMSG", "EOVERFLOW", "ENOTUNIQ", "EBADFD", "EREMCHG",
    "ELIBACC", "ELIBBAD", "ELIBSCN", "ELIBMAX", "ELIBEXEC", "EILSEQ", "ERESTART", "ESTRPIPE", "EUSERS", "ENOTSOCK",
    "EDESTADDRREQ", "EMSGSIZE", "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP",
    "EPFNOSUPPORT", "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN", "ENETUNREACH", "ENETRESET",
    "ECONNABORTED", "ECONNRESET", "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN", "ETOOMANYREFS", "ETIMEDOUT",
    "ECONNREFUSED", "EHOSTDOWN", "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE", "EUCLEAN", "ENOTNAM", "ENAVAIL",
    "EISNAM", "EREMOTEIO", "EDQUOT", "ENOMEDIUM", "EMEDIUMTYPE", "ECANCELED", "ENOKEY", "EKEYEXPIRED", "EKEYREVOKED",
    "EKEYREJECTED", "EOWNERDEAD", "ENOTRECOVERABLE", "ERFKILL", "EHWPOISON",
  ]

  private static let errnos = WordTable<Int64>(
    errnoNames.enumerated().map { ($0.element, Int64($0.offset) + 1) }.filter { !$0.0.isEmpty } + [
      ("EWOULDBLOCK", 11), ("EDEADLOCK", 35), ("ENOTSUP", 95), ("ERESTARTSYS", 512), ("ERESTARTNOINTR", 513),
      ("ERESTARTNOHAND", 514), ("ENOIOCTLCMD", 515), ("ERESTART_RESTARTBLOCK", 516),
    ])

  private static let flags = WordTable<UInt64>(
    [
      ("NULL", 0), ("O_RDONLY", 0), ("O_WRONLY", 1), ("O_RDWR", 2), ("O_ACCMODE", 3), ("O_CREAT", 0o100),
      ("O_EXCL", 0o200), ("O_NOCTTY", 0o400), ("O_TRUNC", 0o1000), ("O_APPEND", 0o2000), ("O_NONBLOCK", 0o4000),
      ("O_NDELAY", 0o4000), ("O_DSYNC", 0o10000), ("O_DIRECT", 0o40000), ("O_LARGEFILE", 0),
      ("O_DIRECTORY", 0o200000), ("O_NOFOLLOW", 0o400000), ("O_CLOEXEC", 0o2000000), ("O_PATH", 0o10000000),
      ("FD_CLOEXEC", 1), ("EFD_SEMAPHORE", 1), ("EFD_NONBLOCK", 0o4000), ("EFD_CLOEXEC", 0o2000000),
      ("SFD_NONBLOCK", 0o4000), ("SFD_CLOEXEC", 0o2000000), ("TFD_NONBLOCK", 0o4000), ("TFD_CLOEXEC", 0o2000000),
      ("IN_NONBLOCK", 0o4000), ("IN_CLOEXEC", 0o2000000), ("EPOLL_CLOEXEC", 0o2000000), ("PIDFD_NONBLOCK", 0o4000),
      ("MFD_CLOEXEC", 1), ("MFD_ALLOW_SEALING", 2), ("CLOSE_RANGE_UNSHARE", 2), ("CLOSE_RANGE_CLOEXEC", 4),
      ("SOCK_STREAM", 1), ("SOCK_DGRAM", 2), ("SOCK_RAW", 3), ("SOCK_RDM", 4), ("SOCK_SEQPACKET", 5),
      ("SOCK_NONBLOCK", 0o4000), ("SOCK_CLOEXEC", 0o2000000),
      ("AF_UNSPEC", 0), ("AF_UNIX", 1), ("AF_LOCAL", 1), ("AF_FILE", 1), ("AF_INET", 2), ("AF_INET6", 10),
      ("AF_NETLINK", 16),
      ("AF_PACKET", 17), ("AF_VSOCK", 40), ("AF_BLUETOOTH", 31), ("AF_ALG", 38),
      ("PF_UNSPEC", 0), ("PF_UNIX", 1), ("PF_LOCAL", 1), ("PF_FILE", 1), ("PF_INET", 2), ("PF_INET6", 10),
      ("PF_NETLINK", 16),
      ("SHUT_RD", 0), ("SHUT_WR", 1), ("SHUT_RDWR", 2), ("LOCK_SH", 1), ("LOCK_EX", 2), ("LOCK_NB", 4), ("LOCK_UN", 8),
      ("F_DUPFD", 0), ("F_GETFD", 1), ("F_SETFD", 2), ("F_GETFL", 3), ("F_SETFL", 4), ("F_GETLK", 5), ("F_SETLK", 6),
      ("F_SETLKW", 7), ("F_SETOWN", 8), ("F_GETOWN", 9), ("F_SETSIG", 10), ("F_OFD_SETLK", 37), ("F_OFD_SETLKW", 38),
      ("F_SETLK64", 6), ("F_SETLKW64", 7), ("F_SETOWN_EX", 15), ("F_DUPFD_CLOEXEC", 1030), ("F_SETPIPE_SZ", 1031),
      ("F_GETPIPE_SZ", 1032), ("F_ADD_SEALS", 1033),
      ("FIONREAD", 0x541B), ("TIOCINQ", 0x541B), ("FIONBIO", 0x5421), ("FIONCLEX", 0x5450), ("FIOCLEX", 0x5451),
      ("FIOASYNC", 0x5452),
      ("TCGETS", 0x5401), ("TCSETS", 0x5402), ("TCSETSW", 0x5403), ("TIOCGWINSZ", 0x5413), ("TIOCSPGRP", 0x5410),
      ("TIOCGPGRP", 0x540F), ("TIOCGPTPEER", 0x5441), ("TIOCSCTTY", 0x540E), ("TIOCNOTTY", 0x5422),
      ("SIOCOUTQ", 0x5411),
      ("POLLIN", 1), ("POLLPRI", 2), ("POLLOUT", 4), ("POLLERR", 8), ("POLLHUP", 0x10), ("POLLNVAL", 0x20),
      ("POLLRDNORM", 0x40), ("POLLRDBAND", 0x80), ("POLLWRNORM", 0x100), ("POLLWRBAND", 0x200), ("POLLMSG", 0x400),
      ("POLLRDHUP", 0x2000),
      ("EPOLLIN", 1), ("EPOLLPRI", 2), ("EPOLLOUT", 4), ("EPOLLERR", 8), ("EPOLLHUP", 0x10), ("EPOLLRDNORM", 0x40),
      ("EPOLLRDBAND", 0x80), ("EPOLLWRNORM", 0x100), ("EPOLLWRBAND", 0x200), ("EPOLLMSG", 0x400),
      ("EPOLLRDHUP", 0x2000),
      ("EPOLLEXCLUSIVE", 1 << 28), ("EPOLLWAKEUP", 1 << 29), ("EPOLLONESHOT", 1 << 30), ("EPOLLET", 1 << 31),
      ("EPOLL_CTL_ADD", 1), ("EPOLL_CTL_DEL", 2), ("EPOLL_CTL_MOD", 3),
      ("MSG_OOB", 1), ("MSG_PEEK", 2), ("MSG_DONTROUTE", 4), ("MSG_CTRUNC", 8), ("MSG_TRUNC", 0x20),
      ("MSG_DONTWAIT", 0x40), ("MSG_EOR", 0x80), ("MSG_WAITALL", 0x100), ("MSG_NOSIGNAL", 0x4000), ("MSG_MORE", 0x8000),
      ("MSG_WAITFORONE", 0x10000), ("MSG_ERRQUEUE", 0x2000), ("MSG_CMSG_CLOEXEC", 0x4000_0000),
      ("TIMER_ABSTIME", 1), ("TFD_TIMER_ABSTIME", 1), ("SA_NOCLDSTOP", 1), ("SA_NOCLDWAIT", 2), ("SA_SIGINFO", 4),
      ("SA_ONSTACK", 0x0800_0000),
      ("SA_STACK", 0x0800_0000), ("SA_RESTART", 0x1000_0000), ("SA_NODEFER", 0x4000_0000), ("SA_NOMASK", 0x4000_0000),
      ("SA_RESETHAND", 0x8000_0000), ("SA_ONESHOT", 0x8000_0000), ("SA_RESTORER", 0x0400_0000),
      ("FUTEX_WAIT", 0), ("FUTEX_WAKE", 1), ("FUTEX_FD", 2), ("FUTEX_REQUEUE", 3), ("FUTEX_CMP_REQUEUE", 4),
      ("FUTEX_WAKE_OP", 5), ("FUTEX_LOCK_PI", 6), ("FUTEX_UNLOCK_PI", 7), ("FUTEX_TRYLOCK_PI", 8),
      ("FUTEX_WAIT_BITSET", 9), ("FUTEX_WAKE_BITSET", 10), ("FUTEX_WAIT_REQUEUE_PI", 11), ("FUTEX_CMP_REQUEUE_PI", 12),
      ("FUTEX_LOCK_PI2", 13), ("FUTEX_PRIVATE_FLAG", 128), ("FUTEX_CLOCK_REALTIME", 256),
      ("FUTEX_WAIT_PRIVATE", 128), ("FUTEX_WAKE_PRIVATE", 129), ("FUTEX_REQUEUE_PRIVATE", 131),
      ("FUTEX_CMP_REQUEUE_PRIVATE", 132), ("FUTEX_WAKE_OP_PRIVATE", 133), ("FUTEX_LOCK_PI_PRIVATE", 134),
      ("FUTEX_UNLOCK_PI_PRIVATE", 135), ("FUTEX_TRYLOCK_PI_PRIVATE", 136), ("FUTEX_WAIT_BITSET_PRIVATE", 137),
      ("FUTEX_WAKE_BITSET_PRIVATE", 138), ("FUTEX_WAIT_REQUEUE_PI_PRIVATE", 139), ("FUTEX_CMP_REQUEUE_PI_PRIVATE", 140),
      ("CLONE_VM", 0x100), ("CLONE_FS", 0x200), ("CLONE_FILES", 0x400), ("CLONE_SIGHAND", 0x800),
      ("CLONE_PIDFD", 0x1000), ("CLONE_PTRACE", 0x2000), ("CLONE_VFORK", 0x4000), ("CLONE_PARENT", 0x8000),
      ("CLONE_THREAD", 0x10000), ("CLONE_NEWNS", 0x20000), ("CLONE_SYSVSEM", 0x40000), ("CLONE_SETTLS", 0x80000),
      ("CLONE_PARENT_SETTID", 0x100000), ("CLONE_CHILD_CLEARTID", 0x200000), ("CLONE_DETACHED", 0x400000),
      ("CLONE_UNTRACED", 0x800000), ("CLONE_CHILD_SETTID", 0x1000000), ("CLONE_NEWCGROUP", 0x2000000),
      ("CLONE_NEWUTS", 0x4000000), ("CLONE_NEWIPC", 0x8000000), ("CLONE_NEWUSER", 0x1000_0000),
      ("CLONE_NEWPID", 0x2000_0000), ("CLONE_NEWNET", 0x4000_0000), ("CLONE_IO", 0x8000_0000),
      ("STDIN_FILENO", 0), ("STDOUT_FILENO", 1), ("STDERR_FILENO", 2), ("AT_FDCWD", UInt64(bitPattern: -100)),
    ])
}
