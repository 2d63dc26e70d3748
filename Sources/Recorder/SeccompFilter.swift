// The filter that makes the calls of the table stop, and lets all others run at full speed (seccomp(2), BPF).

import Trace

/// Classic BPF over struct seccomp_data, as the 8-byte words of struct sock_filter.
enum SeccompFilter {
  private static let x86_64: UInt32 = 0xC000_003E
  private static let allow: UInt32 = 0x7FFF_0000
  private static let trace: UInt32 = 0x7FF0_0000
  private static let numberOffset: UInt32 = 0
  private static let architectureOffset: UInt32 = 4
  /// The low half of the second argument.
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
  /// ioctl: FIONBIO, FIOCLEX, FIONCLEX.
  private static let ioctlCommands: [UInt32] = [0x5421, 0x5451, 0x5450]

  /// Stops at every call of the table; at fcntl and ioctl only for commands that change something.
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
    let special: Set<UInt16> = [Syscall.fcntl.number, Syscall.ioctl.number]
    for row in SyscallTable.rows where !special.contains(row.syscall.number) {
      program += [equal(UInt32(row.syscall.number), 0, 1), give(trace)]
    }
    for (syscall, commands) in [(Syscall.fcntl, fcntlCommands), (Syscall.ioctl, ioctlCommands)] {
      program.append(equal(UInt32(syscall.number), 0, UInt8(commands.count * 2 + 2)))
      program.append(load(secondArgumentOffset))
      for command in commands { program += [equal(command, 0, 1), give(trace)] }
      program.append(give(allow))
    }
    program.append(give(allow))
    return program
  }
}
