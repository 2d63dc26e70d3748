// Names of signals and errors (signal(7), errno(3), x86_64), and times in words.

import Trace

private let signalNames = [
  "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
  "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
  "PWR", "SYS",
]

public func signalName(_ number: Int32) -> String {
  if number > 0, number < 32 { return "SIG" + signalNames[Int(number)] }
  if number >= 32, number <= 64 { return "SIGRT_\(number - 32)" }
  return "\(number)"
}

private let errnoNames: [Int32: String] = [
  1: "EPERM", 2: "ENOENT", 3: "ESRCH", 4: "EINTR", 5: "EIO", 6: "ENXIO", 7: "E2BIG", 8: "ENOEXEC", 9: "EBADF",
  10: "ECHILD", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST", 19: "ENODEV",
  20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 23: "ENFILE", 24: "EMFILE", 25: "ENOTTY", 27: "EFBIG", 28: "ENOSPC",
  29: "ESPIPE", 30: "EROFS", 32: "EPIPE", 36: "ENAMETOOLONG", 38: "ENOSYS", 40: "ELOOP", 75: "EOVERFLOW",
  88: "ENOTSOCK", 90: "EMSGSIZE", 92: "ENOPROTOOPT", 95: "EOPNOTSUPP", 97: "EAFNOSUPPORT", 98: "EADDRINUSE",
  99: "EADDRNOTAVAIL", 101: "ENETUNREACH", 103: "ECONNABORTED", 104: "ECONNRESET", 105: "ENOBUFS", 106: "EISCONN",
  107: "ENOTCONN", 110: "ETIMEDOUT", 111: "ECONNREFUSED", 113: "EHOSTUNREACH", 114: "EALREADY", 115: "EINPROGRESS",
  125: "ECANCELED", 512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK",
]

public func errnoName(_ number: Int32) -> String { errnoNames[number] ?? "errno \(number)" }

extension UInt64 {
  /// The difference, or 0 where the other is greater: times of different threads, and of a damaged trace, come in any order.
  @inline(__always)
  func less(_ other: UInt64) -> UInt64 { self - Swift.min(self, other) }
}

/// Times in words that fit a sentence.
public enum Duration {
  /// What is told has no times but the count of a log's lines (`TraceHeader.isTimed`).
  @TaskLocal public static var countsLines = false

  /// `850 ns`, `12.3 µs`, `4.5 ms`, `2.10 s`.
  public static func text(_ nanoseconds: UInt64) -> String {
    countsLines ? counted(nanoseconds / TraceHeader.lineTime, "line") : asked(nanoseconds)
  }

  /// A time that a program gave as an argument: it is one in any trace.
  public static func asked(_ nanoseconds: UInt64) -> String {
    switch nanoseconds {
    case 0: "0 s"
    case ..<1_000: "\(nanoseconds) ns"
    case ..<1_000_000: fixed(Double(nanoseconds) / 1e3, 1) + " µs"
    case ..<1_000_000_000: fixed(Double(nanoseconds) / 1e6, 1) + " ms"
    default: fixed(Double(nanoseconds) / 1e9, 2) + " s"
    }
  }

  /// A moment of the trace: `2.104 s`.
  public static func moment(_ nanoseconds: UInt64) -> String {
    countsLines ? "line \(grouped(nanoseconds / TraceHeader.lineTime))" : fixed(Double(nanoseconds) / 1e9, 3) + " s"
  }

  /// A number with a fixed count of decimals.
  public static func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let scaled = Int64((abs(value) * scale).rounded())
    let whole = scaled / Int64(scale)
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard decimals > 0 else { return "\(sign)\(whole)" }
    let rest = String(scaled % Int64(scale))
    return "\(sign)\(whole)." + String(repeating: "0", count: decimals - rest.count) + rest
  }
}

/// `1,245,762`.
public func grouped(_ number: UInt64) -> String {
  var text = ""
  for (place, digit) in String(number).reversed().enumerated() {
    if place > 0, place % 3 == 0 { text.append(",") }
    text.append(digit)
  }
  return String(text.reversed())
}

/// `1 byte`, `2 bytes`.
public func counted(_ number: UInt64, _ noun: String) -> String {
  "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
}
