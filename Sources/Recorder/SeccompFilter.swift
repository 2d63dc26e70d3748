// The filters that make calls stop, and let all others run at full speed (seccomp(2), BPF): what a launched program begins with,
// and the layers that arm numbers later.
//
// Of several filters the strictest answer counts, and TRACE is stricter than ALLOW: a layer only adds stops. The kernel answers for
// a number that every filter allows without looking at arguments from a bitmap (Linux 5.11, kernel/seccomp.c,
// seccomp_cache_prepare), so arguments are loaded only where one decides.

import Trace

/// Numbers that are armed together.
struct ArmedRange: Hashable {
  var calls: CallFamilies
  var first: FD
  var last: FD
}

/// Classic BPF over struct seccomp_data, as the 8-byte words of struct sock_filter.
enum SeccompFilter {
  private static let x86_64: UInt32 = 0xC000_003E
  private static let allow: UInt32 = 0x7FFF_0000
  /// What a stop by our filter says of itself (PTRACE_GETEVENTMSG); other data is of a filter of the target's own.
  static let cookie: UInt16 = 0xF17E
  private static let trace: UInt32 = 0x7FF0_0000 | UInt32(cookie)
  private static let numberOffset: UInt32 = 0
  private static let architectureOffset: UInt32 = 4
  /// The low half of an argument; the high one follows.
  private static func argument(_ place: Int) -> UInt32 { UInt32(16 + place * 8) }

  private static func load(_ offset: UInt32) -> UInt64 { word(0x20, 0, 0, offset) }
  private static func give(_ action: UInt32) -> UInt64 { word(0x06, 0, 0, action) }
  private static func equal(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> UInt64 { word(0x15, yes, no, value) }
  private static func atLeast(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> UInt64 { word(0x35, yes, no, value) }
  private static func above(_ value: UInt32, _ yes: UInt8, _ no: UInt8) -> UInt64 { word(0x25, yes, no, value) }
  private static func jump(_ distance: Int) -> UInt64 { word(0x05, 0, 0, UInt32(distance)) }

  private static func word(_ code: UInt16, _ yes: UInt8, _ no: UInt8, _ value: UInt32) -> UInt64 {
    UInt64(code) | UInt64(yes) << 16 | UInt64(no) << 24 | UInt64(value) << 32
  }

  /// fcntl: F_DUPFD, F_DUPFD_CLOEXEC.
  private static let copyingCommands: [UInt32] = [0, 1030]
  /// fcntl: F_SETFD, F_SETFL. Others only look.
  private static let changingCommands: [UInt32] = [2, 4]
  /// ioctl: FIONBIO, FIOCLEX, FIONCLEX.
  private static let changingRequests: [UInt32] = [0x5421, 0x5451, 0x5450]
  /// ioctl: TIOCGPTPEER makes a descriptor.
  private static let makingRequests: [UInt32] = [0x5441]
  /// prctl: PR_GET_SECCOMP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS.
  private static let prctlOptions: [UInt32] = [21, 22, 38, 39]
  private static let unixDomain: UInt32 = 1

  /// How many ranges a filter holds at the most, so that its jumps reach.
  static let mostRanges = 40

  /// What a launched program stops at from the start.
  static func base(_ scope: Scope, armed: [ArmedRange]) -> [UInt64] {
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
    for row in SyscallTable.rows {
      let number = UInt32(row.syscall.number)
      switch (row.syscall, row.rule, scope) {
      case (.fcntl, _, .all): program += choose(number, argument(1), copyingCommands + changingCommands)
      case (.ioctl, _, .all): program += choose(number, argument(1), changingRequests + makingRequests)
      case (.prctl, _, _): program += choose(number, argument(0), prctlOptions)
      case (.rtSigaction, _, _): program += actsOnly(number)
      case (_, .never, _): continue
      case (.fcntl, _, .light), (.fcntl, _, .wakeups), (.socket, _, .wakeups): continue
      case (_, .always, _), (_, _, .all), (_, .waits, .wakeups): program += [equal(number, 0, 1), give(trace)]
      default: continue
      }
    }
    return program + chosen(armed, waits: scope == .wakeups) + [give(allow)]
  }

  /// A layer that arms numbers, and with `.waits` in one of the ranges all that scope wakeups stops at.
  static func layer(_ ranges: [ArmedRange]) -> [UInt64] {
    let waits = ranges.contains { $0.calls.contains(.waits) }
    var program = [load(architectureOffset), equal(x86_64, 1, 0), give(allow), load(numberOffset)]
    if waits {
      for row in SyscallTable.rows {
        guard case .waits = row.rule, row.syscall != .fcntl, row.syscall != .socket else { continue }
        program += [equal(UInt32(row.syscall.number), 0, 1), give(trace)]
      }
    }
    return program + chosen(ranges, waits: waits) + [give(allow)]
  }

  /// The calls that stop by their arguments. The accumulator holds the call's number and keeps it past each block.
  private static func chosen(_ ranges: [ArmedRange], waits: Bool) -> [UInt64] {
    var program: [UInt64] = []
    if waits { program += choose(UInt32(Syscall.socket.number), argument(0), [unixDomain]) }
    // fcntl: copies are seen with the waits, changes where closes are armed.
    let closing = numbers(of: .closes, in: ranges)
    if waits || !closing.isEmpty {
      var body = [load(argument(1))]
      if waits { for command in copyingCommands { body += [equal(command, 0, 1), give(trace)] } }
      body += ofChanged(changingCommands, closing)
      program += block(UInt32(Syscall.fcntl.number), body)
    }
    if !closing.isEmpty {
      program += block(UInt32(Syscall.ioctl.number), [load(argument(1))] + ofChanged(changingRequests, closing))
    }
    // Calls with the same numbers share one check.
    var groups: [(numbers: [ClosedRange<FD>], argument: Int, calls: [UInt32])] = []
    func add(_ syscall: Syscall, _ families: CallFamilies, _ place: Int) {
      let numbers = numbers(of: families, in: ranges)
      guard !numbers.isEmpty else { return }
      if let known = groups.firstIndex(where: { $0.numbers == numbers && $0.argument == place }) {
        groups[known].calls.append(UInt32(syscall.number))
      } else {
        groups.append((numbers, place, [UInt32(syscall.number)]))
      }
    }
    for row in SyscallTable.rows {
      guard case .armed(let families, let place) = row.rule, row.syscall != .ioctl, row.syscall != .sendfile else {
        continue
      }
      add(row.syscall, families, place)
    }
    for group in groups {
      let check = [load(argument(group.argument))] + compare(group.numbers) + [give(allow)]
      for (place, call) in group.calls.enumerated() {
        let left = group.calls.count - place - 1
        // The last one, if it does not match, passes the check by.
        program.append(equal(call, UInt8(left), left == 0 ? UInt8(check.count) : 0))
      }
      program += check
    }
    let into = numbers(of: .writes, in: ranges)
    let from = numbers(of: .reads, in: ranges)
    if !into.isEmpty || !from.isEmpty {
      program += block(
        UInt32(Syscall.sendfile.number),
        [load(argument(0))] + compare(into) + [load(argument(1))] + compare(from) + [give(allow)])
    }
    return program
  }

  /// `body` for one call, which it ends; the others go past it.
  private static func block(_ call: UInt32, _ body: [UInt64]) -> [UInt64] {
    body.count <= 255 ? [equal(call, 0, UInt8(body.count))] + body : [equal(call, 1, 0), jump(body.count)] + body
  }

  /// Stops if the argument is one of the values.
  private static func choose(_ call: UInt32, _ offset: UInt32, _ values: [UInt32]) -> [UInt64] {
    block(call, [load(offset)] + values.flatMap { [equal($0, 0, 1), give(trace)] } + [give(allow)])
  }

  /// rt_sigaction with a new action.
  private static func actsOnly(_ call: UInt32) -> [UInt64] {
    block(
      call,
      [load(argument(1)), equal(0, 1, 0), give(trace), load(argument(1) + 4), equal(0, 1, 0), give(trace), give(allow)])
  }

  /// With a command in the accumulator: stops if it is one of those, and the number is armed.
  private static func ofChanged(_ commands: [UInt32], _ numbers: [ClosedRange<FD>]) -> [UInt64] {
    guard !numbers.isEmpty else { return [give(allow)] }
    let check = [load(argument(0))] + compare(numbers) + [give(allow)]
    var program: [UInt64] = []
    for (place, command) in commands.enumerated() {
      // Past the commands that follow, and the answer for none of them.
      program.append(equal(command, UInt8(commands.count - place), 0))
    }
    return program + [give(allow)] + check
  }

  /// Stops if the accumulator is one of the numbers.
  private static func compare(_ numbers: [ClosedRange<FD>]) -> [UInt64] {
    numbers.flatMap { range -> [UInt64] in
      let first = UInt32(range.lowerBound)
      if range.count == 1 { return [equal(first, 0, 1), give(trace)] }
      if range.upperBound == FD.max { return [atLeast(first, 0, 1), give(trace)] }
      return [atLeast(first, 0, 2), above(UInt32(range.upperBound), 1, 0), give(trace)]
    }
  }

  /// The numbers that are armed for one of the families, as few stretches as possible.
  private static func numbers(of families: CallFamilies, in ranges: [ArmedRange]) -> [ClosedRange<FD>] {
    let all = ranges.filter { !$0.calls.isDisjoint(with: families) }.map { $0.first...$0.last }
    var merged: [ClosedRange<FD>] = []
    for range in all.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, range.lowerBound <= last.upperBound || range.lowerBound == last.upperBound + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
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
