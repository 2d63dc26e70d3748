// Signals that nobody handles, and what goes with being traced, wake a thread that untraced would have slept on: the kernel
// drops an ignored signal at once, but not on its way to a traced thread (Linux 6.1, kernel/signal.c, sig_ignored), and SIGCONT
// and PTRACE_INTERRUPT make every thread of a process look up (ptrace_trap_notify). Here the call that was disturbed goes on.
//
// A thread that was really stopped in its call (SIGSTOP) sees what it sees untraced: EINTR, or a short count.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// At a stop that the program must not notice. Whether the thread still stands at its call's return the registers tell.
  ///
  /// -ERESTARTNOHAND: the kernel makes the call again unless a handler is to run, which then sees EINTR.
  func repairInterrupted(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard !tracee.wasStoppedInCall, let registers = try? token.registers(), registers.number >= 0 else { return }
    if tracee.call == nil { takeUnseen(registers, tracee) }
    if let call = tracee.call, call.interrupted > 0 {
      if registers.result == call.interrupted { continueTransfer(tracee, registers, token) }
      return
    }
    // What close returns, it has closed.
    guard registers.result == -Int64(EINTR), registers.number != Int64(Syscall.close.number) else { return }
    let timedOut = resultOfTimeout(tracee, registers)
    guard (try? token.setResult(timedOut ?? -514)) != nil, tracee.call != nil else { return }
    if let timedOut {
      complete(tracee, result: timedOut)
    } else {
      tracee.call?.interrupted = -514
      tracee.call?.mayRestart = true
    }
  }

  /// A call that is not armed was cut short: nobody saw it begin.
  private func takeUnseen(_ registers: CallRegisters, _ tracee: Tracee) {
    guard hasFilter, hasBegun, registers.result > 0, let shape = SyscallTable.shape(UInt64(registers.number)) else {
      return
    }
    let syscall = Syscall(Int(registers.number))
    guard Self.isContinuable(syscall) else { return }
    let call = tracee.blankCall()
    call.begin(syscall, shape, registers.arguments, entered: now)
    call.isSilent = true
    tracee.arena.removeAll()
    call.operation = decoder(tracee, for: call).entered(call, arena: &tracee.arena)
    guard isUnfinished(call, result: registers.result, tracee) else { return }
    call.interrupted = registers.result
    tracee.call = call
  }

  /// Whether the kernel would drop the signal unseen, were nobody tracing (signal(7); Linux 6.1, SIG_KERNEL_IGNORE_MASK).
  func isIgnored(_ signal: Int32, _ disposition: SignalDisposition, by tid: Int32) -> Bool {
    switch disposition.action {
    case .handler: false
    case .ignore: true
    case .standard: [SIGCHLD, SIGURG, SIGWINCH, SIGCONT].contains(signal) || ProcFS.ignores(signal, tid: tid)
    }
  }

  // MARK: Timeouts

  /// A restarted epoll_wait is given what is left of its timeout; poll and select keep their own account.
  func shortenTimeout(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard let call = tracee.call, call.syscall == .epollWait || call.syscall == .epollPwait, !call.beganBefore else {
      return
    }
    let whole = call.originalTimeout ?? call.argument(3)
    let milliseconds = Int32(truncatingIfNeeded: whole)
    guard milliseconds > 0, now > call.entered else { return }
    let left = max(0, Int64(milliseconds) - Int64((now - call.entered) / 1_000_000))
    guard (try? token.set(.argument3, UInt64(left))) != nil else { return }
    tracee.call?.originalTimeout = whole
    tracee.call?.arguments.3 = UInt64(left)
  }

  /// Calls whose timeout cannot be shortened end, at the first disturbance after it: what they then return; nil to restart.
  private func resultOfTimeout(_ tracee: Tracee, _ registers: CallRegisters) -> Int64? {
    guard let call = tracee.call, !call.beganBefore else { return nil }
    var timeout: Int64?
    var result = -Int64(EAGAIN)
    switch call.syscall {
    case .epollPwait2:
      if case .wait(let wait) = call.operation { timeout = wait.timeout }
      result = 0
    case .rtSigtimedwait: timeout = decoder(tracee).timespec(call.argument(2))
    case .semtimedop: timeout = decoder(tracee).timespec(call.argument(3))
    case .ioGetevents:
      timeout = decoder(tracee).timespec(call.argument(4))
      result = 0
    case .recvfrom, .recvmsg, .read, .readv, .accept, .accept4:
      timeout = Int64(clinux_socket_timeout(tracee.process.pid, Int32(truncatingIfNeeded: call.argument(0)), 0))
    case .sendto, .sendmsg, .write, .writev, .connect:
      timeout = Int64(clinux_socket_timeout(tracee.process.pid, Int32(truncatingIfNeeded: call.argument(0)), 1))
      if call.syscall == .connect { result = -Int64(EINPROGRESS) }
    default: return nil
    }
    guard let timeout, timeout > 0, now - min(now, call.entered) >= UInt64(timeout) else { return nil }
    return result
  }

  // MARK: Short counts

  /// Whether a call that returned `result` may have been cut short by a signal that is still to come: a blocking write to what
  /// takes its bytes bit by bit, or a read that was to wait for all of them.
  func isCutShort(_ call: PendingCall, result: Int64, _ tracee: Tracee) -> Bool {
    // An attached program may be let go before the call has gone on.
    hasFilter && isUnfinished(call, result: result, tracee)
      && (ProcFS.hasPendingSignal(tracee.tid) || isEndedBySignalsOnly(call, tracee))
  }

  /// A blocking write to a pipe ends short for a signal only (Linux 6.1, fs/pipe.c, pipe_write). If none is pending, another thread
  /// has taken it, and nobody would have woken this one untraced.
  private func isEndedBySignalsOnly(_ call: PendingCall, _ tracee: Tracee) -> Bool {
    guard call.syscall == .write || call.syscall == .writev else { return false }
    let slot = world.descriptor(FD(truncatingIfNeeded: call.argument(0)), of: tracee.id).file
    return world.file(slot).map { $0.kind == .pipe || $0.kind == .fifo } ?? false
  }

  /// Whether a call that was not disturbed would have gone on until it had all.
  private func isUnfinished(_ call: PendingCall, result: Int64, _ tracee: Tracee) -> Bool {
    guard result > 0, let asked = continuableSize(call), UInt64(result) < asked else { return false }
    let fd = FD(truncatingIfNeeded: call.argument(0))
    let kind: ObjectKind
    if let file = world.file(world.descriptor(fd, of: tracee.id).file) {
      if file.nonblocking { return false }
      kind = file.kind
    } else {
      // O_NONBLOCK
      guard let found = ProcFS.descriptor(fd, of: tracee.tid), ProcFS.flags(fd, of: tracee.tid) & 0o4000 == 0 else {
        return false
      }
      kind = found.kind
    }
    guard [.pipe, .fifo, .socket, .socketpair, .tty, .device].contains(kind) else { return false }
    // A pipe or terminal gives what it has; /dev/zero and its kin all that was asked for.
    return call.syscall != .read || kind == .device
  }

  private static func isContinuable(_ syscall: Syscall) -> Bool {
    [.write, .read, .sendto, .recvfrom, .writev, .sendmsg].contains(syscall)
  }

  /// The size of the buffers that the call can go on with.
  private func continuableSize(_ call: PendingCall) -> UInt64? {
    let flags = call.argument(3)
    switch call.syscall {
    case .write, .read: return call.argument(2)
    // MSG_DONTWAIT, MSG_WAITALL.
    case .sendto: return flags & 0x40 == 0 ? call.argument(2) : nil
    case .recvfrom: return flags & 0x100 != 0 && flags & 0x42 == 0 ? call.argument(2) : nil
    case .writev: return vectorSize(call)
    case .sendmsg: return call.argument(2) & 0x40 == 0 ? vectorSize(call) : nil
    default: return nil
    }
  }

  private func vectorSize(_ call: PendingCall) -> UInt64? {
    if case .transfer(let transfer) = call.operation { return transfer.requested - min(transfer.requested, call.done) }
    return nil
  }

  /// Makes the call again for the rest of its buffers.
  private func continueTransfer(_ tracee: Tracee, _ registers: CallRegisters, _ token: borrowing StoppedTracee) {
    guard let call = tracee.call else { return }
    let part = UInt64(call.interrupted)
    if call.continuation == nil {
      call.continuation = Continuation(arguments: (registers.arguments.1, registers.arguments.2))
    }
    switch call.syscall {
    case .writev:
      guard let (places, rest) = skip(part, of: registers.arguments.1, registers.arguments.2, call, tracee, token)
      else { return }
      call.arguments.1 = registers.arguments.1 &+ places &* 16
      call.arguments.2 = rest
    case .sendmsg:
      // struct msghdr: iov 16, iovlen 24, control 32, controllen 40. What was sent has taken its descriptors with it.
      let header = registers.arguments.1
      let memory = memory(of: tracee)
      guard let vector = memory.load(header &+ 16, as: UInt64.self),
        let count = memory.load(header &+ 24, as: UInt64.self),
        let (places, rest) = skip(part, of: vector, count, call, tracee, token)
      else { return }
      patch(header &+ 16, vector &+ places &* 16, call, tracee, token)
      patch(header &+ 24, rest, call, tracee, token)
      patch(header &+ 40, 0, call, tracee, token)
    default:
      call.arguments.1 = registers.arguments.1 &+ part
      call.arguments.2 = registers.arguments.2 &- part
    }
    // -ERESTARTSYS.
    guard (try? token.set(.argument1, call.arguments.1)) != nil,
      (try? token.set(.argument2, call.arguments.2)) != nil, (try? token.setResult(-512)) != nil
    else { return }
    call.done += part
    call.interrupted = -512
    call.mayRestart = true
  }

  /// Shortens a vector of struct iovec (base, length) by what was transferred: how many of its parts are done, and how many are
  /// left. The part in the middle is changed in the program's memory until the call returns.
  private func skip(
    _ count: UInt64, of vector: UInt64, _ parts: UInt64, _ call: PendingCall, _ tracee: Tracee,
    _ token: borrowing StoppedTracee
  ) -> (UInt64, UInt64)? {
    let memory = memory(of: tracee)
    var rest = count
    for place in 0..<min(parts, 1024) {
      let address = vector &+ place &* 16
      guard let base = memory.load(address, as: UInt64.self), let length = memory.load(address &+ 8, as: UInt64.self)
      else { return nil }
      if rest < length {
        if rest > 0 {
          patch(address, base &+ rest, call, tracee, token)
          patch(address &+ 8, length - rest, call, tracee, token)
        }
        return (place, parts - place)
      }
      rest -= length
    }
    return nil
  }

  private func patch(
    _ address: UInt64, _ value: UInt64, _ call: PendingCall, _ tracee: Tracee, _ token: borrowing StoppedTracee
  ) {
    guard let old = memory(of: tracee).load(address, as: UInt64.self), (try? token.write(value, at: address)) != nil
    else { return }
    call.continuation?.memory.append((address, old))
  }

  /// A call that was cut short is to be interrupted in earnest: it returns what all of its parts have done.
  func stopContinuing(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard let call = tracee.call, call.interrupted != 0, call.done > 0 || call.interrupted > 0 else { return }
    let whole = sum(call, result: call.interrupted)
    if call.done > 0 {
      guard (try? token.setResult(whole)) != nil else { return }
      restoreBuffer(call, token)
    }
    complete(tracee, result: whole)
  }

  /// What the whole call returns whose last part returned `result`.
  func sum(_ call: PendingCall, result: Int64) -> Int64 {
    call.done == 0 ? result : Int64(call.done) + max(0, result)
  }

  /// Gives the program's registers and memory back what they held before the call went on.
  func restoreBuffer(_ call: PendingCall, _ token: borrowing StoppedTracee) {
    guard let continuation = call.continuation else { return }
    try? token.set(.argument1, continuation.arguments.0)
    try? token.set(.argument2, continuation.arguments.1)
    for (address, old) in continuation.memory.reversed() { try? token.write(old, at: address) }
  }
}
