// Names of system calls in logs: those of x86_64, and what other machines and older straces call the same.

import Trace

/// A call that a log names.
struct NamedCall: Sendable {
  var syscall: Syscall
  /// nil for a call that moves no descriptor and is no wait.
  var shape: CallShape?
}

enum CallNames {
  /// Names of 32-bit and other machines for calls with the same arguments (Linux 6.1, arch/*/entry/syscalls; strace 6.1, linux/*/syscallent.h).
  private static let others = [
    ("_newselect", "select"), ("select_time64", "select"), ("pselect6_time64", "pselect6"), ("pselect", "pselect6"),
    ("ppoll_time64", "ppoll"), ("recv", "recvfrom"), ("send", "sendto"), ("recvmmsg_time64", "recvmmsg"),
    ("fcntl64", "fcntl"), ("sendfile64", "sendfile"), ("sigaction", "rt_sigaction"), ("sigreturn", "rt_sigreturn"),
    ("clock_nanosleep_time64", "clock_nanosleep"), ("waitpid", "wait4"), ("futex_time64", "futex"),
    ("timerfd_settime32", "timerfd_settime"), ("timerfd_settime64", "timerfd_settime"),
    ("rt_sigtimedwait_time64", "rt_sigtimedwait"), ("sigsuspend", "rt_sigsuspend"), ("pread", "pread64"),
    ("pwrite", "pwrite64"), ("semtimedop_time64", "semtimedop"), ("clone2", "clone"),
  ]

  /// Calls that a log tells of and a tracer of ours does not: they say what a process is, or change its pid.
  private static let table: WordTable<NamedCall> = {
    var pairs: [(String, NamedCall)] = []
    for number in 0..<512 {
      let syscall = Syscall(number)
      guard !syscall.name.hasPrefix("syscall_") else { continue }
      pairs.append((syscall.name, NamedCall(syscall: syscall, shape: SyscallTable.shape(UInt64(number)))))
    }
    for (name, known) in others {
      guard let syscall = Syscall(name: known) else { continue }
      pairs.append(
        (name, NamedCall(syscall: syscall, shape: SyscallTable.shape(UInt64(syscall.number)))))
    }
    // What has no number on x86_64, and says nothing to us.
    for name in [
      "fstat64", "stat64", "lstat64", "fstatat64", "mmap2", "ugetrlimit", "getuid32", "geteuid32", "getgid32",
      "getegid32", "_llseek", "sigprocmask", "fadvise64_64", "statfs64", "fstatfs64", "truncate64", "ftruncate64",
      "set_tls", "cacheflush", "clock_gettime64", "clock_getres_time64", "arm_fadvise64_64", "signal", "nice", "stime",
      "setuid32", "setgid32", "setresuid32", "setresgid32", "getgroups32", "setgroups32", "getresuid32", "getresgid32",
      "chown32", "fchown32", "lchown32", "utimensat_time64", "futimesat", "oldstat", "oldfstat", "olduname", "ipc",
      "socketcall", "renameat", "sync_file_range2", "riscv_flush_icache", "cachestat", "fchmodat2", "map_shadow_stack",
      "mseal", "statmount", "listmount", "lsm_get_self_attr", "futex_wake", "futex_wait", "futex_requeue",
    ] { pairs.append((name, NamedCall(syscall: Syscall(Int(UInt16.max)), shape: nil))) }
    return WordTable(pairs)
  }()

  @inline(__always) static func call(_ scanner: Scanner, _ name: Range<Int>) -> NamedCall? {
    if let known = table[scanner, name] { return known }
    // syscall_0x1d0, syscall_464: newer than the strace.
    var inner = Scanner(scanner.bytes, name)
    guard inner.skip("syscall_"), inner.number() != nil, inner.isAtEnd else { return nil }
    return NamedCall(syscall: Syscall(Int(UInt16.max)), shape: nil)
  }
}
