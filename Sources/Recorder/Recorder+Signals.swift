// Signals on their way into the target, and the handlers that they run.

import Glibc
import Ptrace
import Trace

extension Recorder {
  func signalStop(_ tracee: Tracee, _ signal: Int32, _ token: consuming StoppedTracee) throws(PtraceError) {
    guard hasBegun, let info = try? token.signal() else {
      try resume(tracee, token, signal: signal)
      return
    }
    if tracee.tid == root { lastDelivered = (signal, info.sender, now) }
    if signal == SIGSTOP, info.sender != 0, ProcFS.isNamespaceInit(tracee.process.pid) {
      // The init of a pid namespace is deaf to signals from within, but the kernel asks only about those that it did not
      // show a tracer first (Linux 6.1, kernel/signal.c, sig_task_ignored and get_signal).
      try resume(tracee, token)
      return
    }
    let disposition = world.handler(of: signal, in: tracee.process.id)?.disposition ?? .standard
    let isHandled = disposition.action == .handler
    if !isHandled, isIgnored(signal, disposition, by: tracee.tid) {
      // Untraced, the signal would have been dropped before it woke anybody.
      repairInterrupted(tracee, token)
    } else if let call = tracee.call, call.done > 0 || call.interrupted > 0 {
      // A short count stays what it is.
      stopContinuing(tracee, token)
    } else if isHandled, let call = tracee.call, call.interrupted != 0 {
      // ERESTARTSYS restarts after a SA_RESTART handler, ERESTARTNOINTR always does; all else becomes EINTR
      // (Linux 6.1, arch/x86/kernel/signal.c, handle_signal).
      if let timeout = call.originalTimeout { try? token.set(.argument3, timeout) }
      let restarts = call.interrupted == -513 || call.interrupted == -512 && disposition.restarts
      complete(tracee, result: restarts ? call.interrupted : -Int64(EINTR))
    }
    if Self.isUsersWord(signal), disposition.action != .ignore { noteBlocked(tracee, isHandled: isHandled, token) }
    emit(tracee, .signal(SignalDelivery(number: signal, code: info.code, sender: info.sender)))
    if isHandled {
      let pointer = disposition.usesAlternateStack ? nil : (try? token.syscall())?.stackPointer
      tracee.frames.append((signal, pointer))
    }
    try resume(tracee, token, signal: signal)
  }

  /// What people and supervisors end a program with that hangs.
  private static func isUsersWord(_ signal: Int32) -> Bool {
    signal == SIGINT || signal == SIGTERM || signal == SIGQUIT || signal == SIGHUP || signal == SIGALRM
  }

  /// Writes down what the threads of a process are blocked in that is about to be ended, where their calls do not stop and so were not
  /// seen to begin: since their last call that was, for all that is known.
  private func noteBlocked(_ tracee: Tracee, isHandled: Bool, _ token: borrowing StoppedTracee) {
    guard hasFilter, scope != .all else { return }
    if tracee.call == nil, let registers = try? token.registers(), registers.number >= 0,
      (-516...(-512)).contains(registers.result) || registers.result == -Int64(EINTR)
    {
      tellUnseen(Int(registers.number), registers.arguments, tracee)
      if isHandled { complete(tracee, result: -Int64(EINTR)) }
    }
    guard !isHandled else { return }
    for other in tracees.values where other.process === tracee.process && other !== tracee && other.call == nil {
      guard !other.isHeld, !other.isExiting, let call = ProcFS.syscall(of: other.tid) else { continue }
      tellUnseen(call.number, call.arguments, other)
    }
  }

  private func tellUnseen(_ number: Int, _ arguments: Arguments, _ tracee: Tracee) {
    guard let shape = SyscallTable.shape(UInt64(number)) else { return }
    enter(tracee, Syscall(number), shape, arguments, entered: tracee.lastTold)
  }

  /// The least that the kernel puts on the stack for a handler: red zone, siginfo and ucontext, and the FXSAVE area
  /// (Linux 6.1, arch/x86/kernel/signal.c, get_sigframe: 128 + 440 + 512).
  private static let smallestFrame: UInt64 = 1024

  /// A thread that makes calls from above a handler's frame has left that handler by siglongjmp.
  func leaveAbandonedHandlers(_ tracee: Tracee, stackPointer: UInt64) {
    while let frame = tracee.frames.last, let entered = frame.stackPointer,
      stackPointer > entered &- Self.smallestFrame
    {
      tracee.frames.removeLast()
      emit(tracee, .handlerLeft(signal: frame.signal))
    }
  }
}
