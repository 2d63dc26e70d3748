// What the filter and the tracer would change for the program, and how it is made good: filters of the target's own, seccomp's strict mode, NO_NEW_PRIVS, CLONE_UNTRACED.

import Glibc
import Ptrace
import Trace

/// A clone call without its CLONE_UNTRACED: the kernel would let the child go, with our filter and without a tracer, and so
/// answer ENOSYS to every call that the filter stops (seccomp(2), SECCOMP_RET_TRACE).
struct UntracedRequest {
  /// The flags as the program gave them, and where: clone3's struct in memory, or clone's first argument.
  var flags: UInt64
  var address: UInt64?

  static let flag: UInt64 = 0x80_0000

  /// Gives the flags back. The child of a process that shares its memory finds them there already.
  borrowing func giveBack(_ token: borrowing StoppedTracee) {
    if let address {
      try? token.write(flags, at: address)
    } else {
      try? token.set(.argument0, flags)
    }
  }
}

/// prctl(PR_SET_SECCOMP) or seccomp(2), which asked for strict mode. Under a filter the kernel refuses that (Linux 6.1,
/// kernel/seccomp.c, seccomp_may_assign_mode); a filter on top of ours does the same.
struct StrictModeRequest {
  var arguments: Arguments
  var number: Int64
  /// What was where the filter's program was put.
  var address: UInt64
  var memory: [UInt64]
}

extension Recorder {
  private static let getSeccomp: UInt32 = 21
  private static let setSeccomp: UInt32 = 22
  private static let setNoNewPrivs: UInt32 = 38
  private static let getNoNewPrivs: UInt32 = 39

  /// A stop of a filter that is not ours. True if it has been answered.
  func answerOwnFilter(_ tracee: Tracee, _ token: borrowing StoppedTracee) throws(PtraceError) -> Bool {
    guard let message = try? token.eventMessage() else { return false }
    switch UInt16(truncatingIfNeeded: message) {
    case SeccompFilter.cookie: return false
    case SeccompFilter.strictCookie:
      // kernel/seccomp.c, __secure_computing_strict: do_exit(SIGKILL).
      if tracee.process.threads <= 1 {
        kill(tracee.process.pid, SIGKILL)
      } else {
        // Of the thread alone: the call becomes its exit, which the filter allows.
        try? token.set(.call, UInt64(Syscall.exit.number))
        try? token.set(.argument0, UInt64(SIGKILL))
      }
      return true
    default:
      // The target's own SECCOMP_RET_TRACE: without a tracer the call is not made, and is ENOSYS.
      try? token.set(.call, UInt64.max)
      try? token.setResult(-Int64(ENOSYS))
      return true
    }
  }

  /// Changes what would show the tracer, at the entry of the call.
  func hideOurselves(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard let call = tracee.call else { return }
    switch call.shape {
    case .spawn(let kind): takeUntraced(kind, tracee, token)
    case .ptrace:
      // PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE.
      if [0, 16, 0x4206].contains(call.argument(0)) {
        say(.ptrace, "its ptrace calls fail, since a thread has one tracer", tracee)
      }
    case .prctl where option(call) == Self.setSeccomp && call.argument(1) == 1: askForStrictMode(tracee, token)
    case .seccomp where call.argument(0) == 0: askForStrictMode(tracee, token)
    default: break
    }
  }

  private func option(_ call: PendingCall) -> UInt32 { UInt32(truncatingIfNeeded: call.argument(0)) }

  /// Undoes it at the call's return, and tells what the result would be without us.
  func giveBack(_ tracee: Tracee, _ token: borrowing StoppedTracee, result: Int64) -> Int64 {
    guard let call = tracee.call else { return result }
    if let timeout = call.originalTimeout { try? token.set(.argument3, timeout) }
    if call.done > 0 { restoreBuffer(call, token) }
    call.untraced?.giveBack(token)
    if let strict = call.strictMode {
      for (place, word) in strict.memory.enumerated() { try? token.write(word, at: strict.address + UInt64(place * 8)) }
      try? token.set(.argument0, strict.arguments.0)
      try? token.set(.argument1, strict.arguments.1)
      try? token.set(.argument2, strict.arguments.2)
    }
    let process = tracee.process
    switch call.shape {
    case .prctl:
      switch option(call) {
      case Self.getSeccomp where result == 2 && hasFilter && !process.hasOwnFilter: return 0
      case Self.getNoNewPrivs where result == 1 && setNoNewPrivileges && !process.hasNoNewPrivileges: return 0
      case Self.setNoNewPrivs where result == 0: process.hasNoNewPrivileges = true
      case Self.setSeccomp where result == 0: noteOwnFilter(tracee, isStrict: call.strictMode != nil)
      default: break
      }
    case .seccomp:
      // SECCOMP_SET_MODE_FILTER; with SECCOMP_FILTER_FLAG_NEW_LISTENER it returns a descriptor.
      if call.argument(0) <= 1, result >= 0 { noteOwnFilter(tracee, isStrict: call.strictMode != nil) }
    default: break
    }
    return result
  }

  private func noteOwnFilter(_ tracee: Tracee, isStrict: Bool) {
    tracee.process.hasOwnFilter = true
    say(
      .ownFilter,
      isStrict ? "seccomp's strict mode, imitated by a filter" : "what its own seccomp filter denies is not seen",
      tracee)
  }

  private func takeUntraced(_ kind: CallShape.Spawn, _ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard hasFilter, let call = tracee.call, case .spawn(let flags, _) = call.operation,
      flags & UntracedRequest.flag != 0
    else { return }
    let kept = flags & ~UntracedRequest.flag
    switch kind {
    case .clone:
      guard (try? token.set(.argument0, kept)) != nil else { return }
      tracee.call?.untraced = UntracedRequest(flags: flags, address: nil)
    case .clone3:
      guard (try? token.write(kept, at: call.argument(0))) != nil else { return }
      tracee.call?.untraced = UntracedRequest(flags: flags, address: call.argument(0))
    default: return
    }
    say(.untraced, "the flag was taken off, so that the child is followed", tracee)
  }

  /// Puts a filter's program below the stack's red zone and lets the call ask for that. What was there is given back.
  private func askForStrictMode(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard hasFilter, let call = tracee.call, let registers = try? token.registers() else { return }
    let program = SeccompFilter.strictMode
    // struct sock_fprog: length, then the address of the instructions.
    let address = (registers.stackPointer &- 128 &- UInt64(8 * (program.count + 2))) & ~7
    let words = [UInt64(program.count), address &+ 16] + program
    let memory = memory(of: tracee)
    let old = words.indices.compactMap { memory.load(address &+ UInt64($0 * 8), as: UInt64.self) }
    guard old.count == words.count else { return }
    for (place, word) in words.enumerated() where (try? token.write(word, at: address &+ UInt64(place * 8))) == nil {
      return
    }
    tracee.call?.strictMode = StrictModeRequest(
      arguments: call.arguments, number: registers.number, address: address, memory: old)
    if case .prctl = call.shape {
      // SECCOMP_MODE_FILTER.
      try? token.set(.argument1, 2)
    } else {
      // SECCOMP_SET_MODE_FILTER, no flags.
      try? token.set(.argument0, 1)
      try? token.set(.argument1, 0)
    }
    try? token.set(.argument2, address)
  }
}
