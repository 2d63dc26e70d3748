// A tracee that stands still, as a token: it can be looked at, and resumed once. What runs has no token.

import CLinux
import Glibc

/// PTRACE_O_* that faultline seizes with (linux/ptrace.h).
public struct PtraceOptions: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }

  public static let markSyscallStops = PtraceOptions(rawValue: 0x01)
  public static let traceFork = PtraceOptions(rawValue: 0x02)
  public static let traceVfork = PtraceOptions(rawValue: 0x04)
  public static let traceClone = PtraceOptions(rawValue: 0x08)
  public static let traceExec = PtraceOptions(rawValue: 0x10)
  public static let traceVforkDone = PtraceOptions(rawValue: 0x20)
  public static let traceExit = PtraceOptions(rawValue: 0x40)
  public static let traceSeccomp = PtraceOptions(rawValue: 0x80)
  /// The tracees die with the tracer.
  public static let exitKill = PtraceOptions(rawValue: 1 << 20)

  public static let follow: PtraceOptions = [
    .markSyscallStops, .traceFork, .traceVfork, .traceClone, .traceExec, .traceExit, .traceSeccomp,
  ]
}

public enum Ptrace {
  /// Seizes a thread with its options in the same call. The tracee does not stop.
  public static func seize(_ tid: Int32, options: PtraceOptions) throws(PtraceError) {
    let result = clinux_ptrace(0x4206, tid, 0, options.rawValue)
    if result < 0 { throw PtraceError(operation: "PTRACE_SEIZE", tid: tid, errno: Int32(-result)) }
  }
}

/// One system call stop, from PTRACE_GET_SYSCALL_INFO (Linux 5.3).
public struct SyscallStop: Sendable {
  public enum Kind: UInt8, Sendable { case none, entry, exit, seccomp }

  public let kind: Kind
  /// AUDIT_ARCH_*; 0xC000003E is x86_64.
  public let architecture: UInt32
  public let instructionPointer: UInt64
  public let stackPointer: UInt64
  public let number: UInt64
  public let arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  /// What an exit returned: a value or -errno.
  public let result: Int64
}

/// A ptrace-stopped thread. Must be resumed, or given up as gone: one that is dropped would stand still for ever.
public struct StoppedTracee: ~Copyable {
  public let tid: Int32
  public let reason: StopReason

  init(tid: Int32, reason: StopReason) {
    self.tid = tid
    self.reason = reason
  }

  deinit { Self.trap(tid) }

  private static func trap(_ tid: Int32) {
    fatalError("the stopped tracee \(tid) was dropped")
  }

  public enum Resume: Int, Sendable {
    /// To the next stop of the filter, or event (PTRACE_CONT).
    case run = 7
    /// To the next entry or exit of a call (PTRACE_SYSCALL).
    case toSyscall = 24
    /// Stay stopped, but let SIGCONT through (PTRACE_LISTEN); only in a group-stop.
    case listen = 0x4208
  }

  /// Lets it run on, with a signal to deliver or 0. A tracee that was killed meanwhile is no error: its status comes.
  public consuming func resume(_ how: Resume, signal: Int32 = 0) throws(PtraceError) {
    let tid = tid
    discard self
    let result = clinux_ptrace(how.rawValue, tid, 0, UInt(signal))
    // EIO: PTRACE_LISTEN of a tracee that was killed where it stood is no group-stop any more.
    if result < 0, result != -Int(ESRCH), !(how == .listen && result == -Int(EIO)) {
      throw PtraceError(operation: "resume", tid: tid, errno: Int32(-result))
    }
  }

  /// Gives the token up: a later status of the same thread has overtaken this stop (it was killed where it stood).
  public consuming func forget() { discard self }

  /// What call it stands at.
  public borrowing func syscall() throws(PtraceError) -> SyscallStop {
    var info = clinux_syscall_info()
    let result = clinux_syscall_info(tid, &info)
    if result < 0 { throw PtraceError(operation: "PTRACE_GET_SYSCALL_INFO", tid: tid, errno: Int32(-result)) }
    return SyscallStop(
      kind: SyscallStop.Kind(rawValue: info.op) ?? .none, architecture: info.arch,
      instructionPointer: info.instruction_pointer, stackPointer: info.stack_pointer, number: info.number,
      arguments: info.arguments, result: info.result)
  }

  /// Replaces what the call that it is returning from returns: a value, -errno, or -ERESTART*.
  public borrowing func setResult(_ value: Int64) throws(PtraceError) {
    try set(.result, UInt64(bitPattern: value))
  }

  /// PTRACE_GETEVENTMSG: the new tid of a fork, the former tid of an exec, the data of a filter.
  ///
  /// A tracee that was killed where it stood has gone on to its exit stop, whose message is its status: it is told
  /// apart by si_code, and is ESRCH here.
  public borrowing func eventMessage() throws(PtraceError) -> UInt {
    var message: UInt = 0
    let result = withUnsafeMutablePointer(to: &message) {
      clinux_ptrace(0x4201, tid, 0, UInt(bitPattern: $0))
    }
    if result < 0 { throw PtraceError(operation: "PTRACE_GETEVENTMSG", tid: tid, errno: Int32(-result)) }
    if case .event(let event) = reason, try signal().code >> 8 != event.rawValue {
      throw PtraceError(operation: "PTRACE_GETEVENTMSG", tid: tid, errno: ESRCH)
    }
    return message
  }

  /// Number, si_code and sender of the signal that it is about to receive.
  public borrowing func signal() throws(PtraceError) -> (number: Int32, code: Int32, sender: Int32) {
    var number: Int32 = 0
    var code: Int32 = 0
    var sender: Int32 = 0
    let result = clinux_signal_info(tid, &number, &code, &sender)
    if result < 0 { throw PtraceError(operation: "PTRACE_GETSIGINFO", tid: tid, errno: Int32(-result)) }
    return (number, code, sender)
  }
}
