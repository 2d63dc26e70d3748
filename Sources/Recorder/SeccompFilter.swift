// The filter that makes the calls of the table stop, and lets all others run at full speed (seccomp(2), BPF).

import Trace

/// Classic BPF over struct seccomp_data, as the 8-byte words of struct sock_filter.
enum SeccompFilter {
  private static let x86_64: UInt32 = 0xC000_003E
  private static let allow: UInt32 = 0x7FFF_0000
  /// What a stop by our filter says of itself (PTRACE_GETEVENTMSG); other data is of a filter of the target's own.
  static let cookie: UInt16 = 0xF17E
  private static let trace: UInt32 = 0x7FF0_0000 | UInt32(cookie)
  private static let numberOffset: UInt32 = 0
  private static let architectureOffset: UInt32 = 4
  /// The low halves of the first and second argument.
  private static let firstArgumentOffset: UInt32 = 16
  private static let secondArgumentOffset: UInt32 = 24

  private static func load(_ offset: UInt32) -> UInt64 { word(0x20, 0, 0, offset) }
  private static func give(_ action: UInt32) -> UInt64 { word(0x06, 0, 0, action) }
  private static func equal(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> UInt64 { word(0x15, yes, no, value) }
  private static func atLeast(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> UInt64 { word(0x35, yes, no, value) }

  private static func word(_ code: UInt16, _ yes: UInt8, _ no: UInt8, _ value: UInt32) -> UInt64 {
    UInt64(code) | UInt64(yes) << 16 | UInt64(no) << 24 | UInt64(value) << 32
  }

  /// fcntl: F_DUPFD, F_SETFD, F_SETFL, F_DUPFD_CLOEXEC. Others only look.
  private static let fcntlCommands: [UInt32] = [0, 2, 4, 1030]
  /// ioctl: FIONBIO, FIOCLEX, FIONCLEX, TIOCGPTPEER.
  private static let ioctlCommands: [UInt32] = [0x5421, 0x5451, 0x5450, 0x5441]
  /// prctl: PR_GET_SECCOMP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS.
  private static let prctlOptions: [UInt32] = [21, 22, 38, 39]

  /// Stops at every call of the table that launched programs stop at; at fcntl, ioctl and prctl only for commands that change
  /// something, or that would show the filter.
  static func everyCall() -> [UInt64] {
    var program = [
      load(architectureOffset),
      equal(x86_64, 1, 0),
      // 32-bit calls carry other numbers: stop, to say so once.
      give(trace),
      load(numberOffset),
      // x32.
      atLeast(0x4000_0000, 0, 1),
      give(trace),
    ]
    let special: Set<UInt16> = [Syscall.fcntl.number, Syscall.ioctl.number, Syscall.prctl.number]
    for row in SyscallTable.rows where !row.isForAttached && !special.contains(row.syscall.number) {
      program += [equal(UInt32(row.syscall.number), 0, 1), give(trace)]
    }
    for (syscall, offset, commands) in [
      (Syscall.fcntl, secondArgumentOffset, fcntlCommands), (Syscall.ioctl, secondArgumentOffset, ioctlCommands),
      (Syscall.prctl, firstArgumentOffset, prctlOptions),
    ] {
      program.append(equal(UInt32(syscall.number), 0, UInt8(commands.count * 2 + 2)))
      program.append(load(offset))
      for command in commands { program += [equal(command, 0, 1), give(trace)] }
      program.append(give(allow))
    }
    program.append(give(allow))
    return program
  }

  /// What seccomp's strict mode allows (Linux 6.1, kernel/seccomp.c, mode1_syscalls); all else stops with `strictCookie`.
  static let strictMode: [UInt64] = {
    var program = [load(architectureOffset), equal(x86_64, 1, 0), give(strict), load(numberOffset)]
    for number: UInt32 in [0, 1, 60, 15] { program += [equal(number, 0, 1), give(allow)] }
    return program + [give(strict)]
  }()
  static let strictCookie: UInt16 = 0xF17F
  private static let strict: UInt32 = 0x7FF0_0000 | UInt32(strictCookie)
}
