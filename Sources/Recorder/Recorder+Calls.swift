// System call stops: entered, returned, interrupted, restarted.

import Glibc
import Ptrace
import Trace

extension Recorder {
  /// AUDIT_ARCH_X86_64 (linux/audit.h).
  private static let x86_64: UInt32 = 0xC000_003E
  /// Results that are not results: the kernel will restart the call, or turn it into EINTR if a handler runs first
  /// (Linux 6.1, include/linux/errno.h).
  private static let restarts: ClosedRange<Int64> = -516...(-512)

  /// The filter stopped a call at its entry.
  func seccompStop(_ tracee: Tracee, _ token: consuming StoppedTracee) throws(PtraceError) {
    let stop: SyscallStop
    do {
      stop = try token.syscall()
    } catch {
      // Killed while it stood: its status is still to come.
      try token.resume(.run)
      return
    }
    guard hasBegun || stop.number == UInt64(Syscall.execve.number) else {
      try token.resume(.run)
      return
    }
    guard stop.architecture == Self.x86_64, stop.number < 0x4000_0000, let shape = SyscallTable.shape(stop.number)
    else {
      sayOtherABI(tracee, stop)
      try token.resume(.run)
      return
    }
    let syscall = Syscall(Int(stop.number))
    if let call = tracee.call {
      if call.mayRestart, syscall == .restartSyscall || call.syscall == syscall && call.arguments == stop.arguments {
        // A restarted call is still the same call.
        tracee.call?.interrupted = 0
        tracee.call?.mayRestart = false
        try token.resume(.toSyscall)
        return
      }
      complete(tracee, result: -Int64(EINTR))
    }
    if syscall == .restartSyscall {
      try token.resume(.run)
      return
    }
    leaveAbandonedHandlers(tracee, stackPointer: stop.stackPointer)
    enter(tracee, syscall, shape, stop)
    switch shape {
    case .exit, .signalReturn:
      // They do not return; what an exit stop of rt_sigreturn shows is the interrupted code's rax.
      if case .signalReturn = shape { _ = tracee.frames.popLast() }
      complete(tracee, result: 0)
      try token.resume(.run)
    default:
      try token.resume(.toSyscall)
    }
  }

  private func enter(_ tracee: Tracee, _ syscall: Syscall, _ shape: CallShape, _ stop: SyscallStop) {
    var call = PendingCall(
      syscall: syscall, shape: shape, arguments: stop.arguments, entered: now, operation: .plain)
    tracee.arena.removeAll()
    call.operation = decoder(tracee).entered(call, arena: &tracee.arena, world: world)
    tracee.call = call
    guard hasBegun else { return }
    write(
      Event(
        thread: tracee.id, phase: .begin, entered: call.entered, exited: call.entered,
        body: .call(syscall, .pending, call.operation)), arena: tracee.arena)
  }

  func decoder(_ tracee: Tracee) -> CallDecoder {
    CallDecoder(
      memory: TraceeMemory(tid: tracee.tid), thread: tracee.id, payloadLimit: payloadLimit,
      intern: { [writer] in writer.intern($0) })
  }

  /// A stop of PTRACE_SYSCALL: a call's exit, if it is one that was seen to enter.
  func syscallStop(_ tracee: Tracee, _ token: consuming StoppedTracee) throws(PtraceError) {
    let stop: SyscallStop
    do {
      stop = try token.syscall()
    } catch {
      try token.resume(.run)
      return
    }
    guard stop.kind == .exit, let call = tracee.call else {
      try token.resume(tracee.call == nil ? .run : .toSyscall)
      return
    }
    if Self.restarts.contains(stop.result) || stop.result == -Int64(EINTR) && call.isWokenByIgnoredSignals {
      tracee.call?.interrupted = stop.result
      tracee.call?.mayRestart = Self.restarts.contains(stop.result)
      try token.resume(.run)
      return
    }
    var result = stop.result
    let operation = decoder(tracee).returned(call, result: &result, arena: &tracee.arena) { pid in
      self.tracees[pid]?.id ?? .unknown
    }
    tracee.call?.operation = operation
    complete(tracee, result: result)
    if hasBegun { describePassed(operation, tracee) }
    try token.resume(.run)
  }

  /// Writes the end of the pending call.
  func complete(_ tracee: Tracee, result: Int64, phase: Event.Phase = .end) {
    guard let call = tracee.call else { return }
    tracee.call = nil
    guard hasBegun else { return }
    let time = now
    write(
      Event(
        thread: tracee.id, phase: phase, entered: call.entered, exited: time,
        body: .call(call.syscall, CallResult(result), call.operation)), arena: tracee.arena)
    sampleUsage(tracee, at: time, every: 500_000_000)
  }

  /// Descriptors that came with a message are looked up, since their sender may not be under trace.
  private func describePassed(_ operation: Operation, _ tracee: Tracee) {
    guard case .transfer(let transfer) = operation, transfer.direction == .input, !transfer.passed.isEmpty else {
      return
    }
    for fd in Array(tracee.arena.numbers(transfer.passed)) { describe(fd, of: tracee, sameAs: -1) }
  }

  func describe(_ fd: FD, of tracee: Tracee, sameAs: FD) {
    guard let found = ProcFS.descriptor(fd, of: tracee.tid) else { return }
    emit(
      tracee,
      .existing(
        ExistingDescriptor(
          fd: fd, kind: found.kind, link: writer.intern(found.link), inode: found.inode,
          flags: ProcFS.flags(fd, of: tracee.tid), sameAs: sameAs)))
  }

  private func sayOtherABI(_ tracee: Tracee, _ stop: SyscallStop) {
    guard hasBegun, !tracee.process.saidOtherABI else { return }
    tracee.process.saidOtherABI = true
    let what = stop.architecture == Self.x86_64 ? "x32 system calls" : "32-bit system calls"
    emit(tracee, .blindSpot(.otherABI, detail: writer.intern(Array(what.utf8))))
  }

  /// Writes the thread's processor time, if the last word of it is older than `every` ns.
  func sampleUsage(_ tracee: Tracee, at time: Nanoseconds, every: Nanoseconds) {
    guard hasBegun, time &- tracee.usageTime >= every else { return }
    tracee.usageTime = time
    guard let usage = ProcFS.usage(of: tracee.tid, in: tracee.process.pid) else { return }
    emit(tracee, .usage(running: usage.running, waiting: usage.waiting))
  }
}
