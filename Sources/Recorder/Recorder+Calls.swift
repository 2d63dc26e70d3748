// System call stops: entered, returned, interrupted, restarted.

import Glibc
import Ptrace
import Trace

extension Recorder {
  /// AUDIT_ARCH_X86_64 (linux/audit.h).
  static let x86_64: UInt32 = 0xC000_003E
  /// Results that are not results: the kernel will restart the call, or turn it into EINTR if a handler runs first
  /// (Linux 6.1, include/linux/errno.h).
  private static let restarts: ClosedRange<Int64> = -516...(-512)

  /// The filter stopped a call at its entry.
  func seccompStop(_ tracee: Tracee, _ token: consuming StoppedTracee) throws(PtraceError) {
    tracee.probe?.filtered()
    if tracee.process.hasOwnFilter, try answerOwnFilter(tracee, token) {
      try resume(tracee, token)
      return
    }
    if tracee.process.stopsAtAllCalls, tracee.hasEntered {
      // The same call's entry was seen already.
      tracee.hasEntered = false
      try resume(tracee, token)
      return
    }
    guard let stop = try? token.syscall() else {
      // Killed while it stood: its status is still to come.
      try resume(tracee, token)
      return
    }
    try entryStop(tracee, stop, token)
  }

  private func entryStop(
    _ tracee: Tracee, _ stop: SyscallStop, since: Nanoseconds? = nil, _ token: consuming StoppedTracee
  ) throws(PtraceError) {
    guard hasBegun || stop.number == UInt64(Syscall.execve.number) else {
      try resume(tracee, token)
      return
    }
    guard stop.architecture == Self.x86_64, stop.number < 0x4000_0000 else {
      sayOtherABI(tracee, stop)
      try resume(tracee, token)
      return
    }
    let syscall = Syscall(Int(stop.number))
    // A restarted call is still the same call.
    let isRestart =
      tracee.call.map {
        $0.mayRestart && (syscall == .restartSyscall || $0.syscall == syscall && $0.arguments == stop.arguments)
      } ?? false
    if !isRestart, let call = tracee.call {
      // The disturbance that was awaited did not come: the call has returned what the last stop showed.
      complete(tracee, result: call.interrupted > 0 ? sum(call, result: call.interrupted) : -Int64(EINTR))
    }
    if let shape = SyscallTable.shape(stop.number), !isItsTurn(tracee, shape) {
      waitForTurn(tracee, token)
      return
    }
    if isRestart {
      if tracee.call?.isSilent == true {
        tracee.call?.interrupted = 0
        tracee.call?.mayRestart = false
        try resume(tracee, token)
        return
      }
      tracee.call?.interrupted = 0
      tracee.call?.mayRestart = false
      shortenTimeout(tracee, token)
      hideOurselves(tracee, token)
      try resume(tracee, token)
      return
    }
    tracee.wasStoppedInCall = false
    // Attached programs stop at calls that are none of our business, too.
    guard let shape = SyscallTable.shape(stop.number) else { return try resume(tracee, token) }
    if syscall == .restartSyscall {
      try resume(tracee, token)
      return
    }
    if syscall == .userfaultfd { hasFaultHandlers = true }
    leaveAbandonedHandlers(tracee, stackPointer: stop.stackPointer)
    if tracee.process.isSettling { noteSettling(tracee, syscall, shape, stop.arguments) }
    if !wantsArming(tracee), isNotWorthTelling(tracee, syscall, stop.arguments) {
      counters.passedCalls += 1
      try resume(tracee, token)
      return
    }
    counters.calls += 1
    prepare(tracee, syscall, shape, stop.arguments, entered: since ?? now)
    if let call = tracee.call {
      noteNeeds(atEntryOf: call, tracee)
      noteForeignUse(by: call, tracee)
      if case .sendSignal(let pid, SIGKILL) = call.operation { noteSleepers(in: pid) }
      noteSharedUse(by: call, tracee)
    }
    if stacks != nil, takeStack(tracee, stop, token), since == nil {
      // Our time is not the call's.
      tracee.call?.entered = now
    }
    if wantsArming(tracee) {
      writeBegin(tracee)
      try inject(tracee, at: .entry, token)
      return
    }
    if let result = resultKnownAhead(tracee) {
      // Its return is not waited for: one stop instead of two.
      counters.oneStopCalls += 1
      guard let call = tracee.call else { return try resume(tracee, token) }
      tracee.call = nil
      endTurn(tracee)
      try resume(tracee, token)
      write(call, of: tracee, .whole, result: result, at: call.entered)
      return
    }
    hideOurselves(tracee, token)
    switch shape {
    case .exit, .signalReturn:
      // They do not return; what an exit stop of rt_sigreturn shows is the interrupted code's rax.
      if case .signalReturn = shape { _ = tracee.frames.popLast() }
      complete(tracee, result: 0, phase: .whole)
      try resume(tracee, token)
    default:
      // The target goes on while its call is written down. Nothing else is answered before that.
      try resume(tracee, token)
      writeBegin(tracee)
    }
  }

  /// Notes the call that the tracee is in, and writes its begin.
  func enter(_ tracee: Tracee, _ syscall: Syscall, _ shape: CallShape, _ arguments: Arguments, entered: Nanoseconds) {
    prepare(tracee, syscall, shape, arguments, entered: entered)
    writeBegin(tracee)
  }

  private func writeBegin(_ tracee: Tracee) {
    guard hasBegun, let call = tracee.call else { return }
    write(call, of: tracee, .begin, result: CallResult.pending.rawValue, at: call.entered)
  }

  @discardableResult
  private func write(
    _ call: PendingCall, of tracee: Tracee, _ phase: Event.Phase, result: Int64, at time: Nanoseconds
  ) -> Bool {
    if call.isSilent { return false }
    if phase != .begin { tracee.lastTold = time }
    let isFolded = write(
      Event(
        thread: tracee.id, phase: phase, entered: call.entered, exited: time,
        body: .call(call.syscall, CallResult(result), call.operation)), arena: tracee.arena)
    return isFolded
  }

  /// Decodes the call that the tracee is in; what must be asked of the kernel about it is asked while it stands still.
  private func prepare(
    _ tracee: Tracee, _ syscall: Syscall, _ shape: CallShape, _ arguments: Arguments, entered: Nanoseconds
  ) {
    let call = tracee.blankCall()
    call.begin(syscall, shape, arguments, entered: entered)
    tracee.arena.removeAll()
    call.operation = decoder(tracee, for: call).entered(call, arena: &tracee.arena)
    guard hasBegun else {
      tracee.call = call
      return
    }
    lookUpUnknown(call.operation, tracee)
    call.doubtfulSince = beginningOfDoubt(call, tracee)
    tracee.call = call
  }

  func memory(of tracee: Tracee) -> TraceeMemory {
    TraceeMemory(tid: tracee.tid, asksFirst: hasFaultHandlers)
  }

  /// `call`: the one that is to be decoded, if one is that was entered just now.
  func decoder(_ tracee: Tracee, for call: PendingCall? = nil) -> CallDecoder {
    CallDecoder(
      memory: memory(of: tracee), payloadLimit: call.map { payloadLimit(of: $0, tracee) } ?? 0,
      intern: { self.intern($0, as: $1) })
  }

  /// How many bytes are kept of what the call writes.
  private func payloadLimit(of call: PendingCall, _ tracee: Tracee) -> Int {
    guard call.shape.mayWrite else { return 0 }
    let slot = Int(world.descriptor(FD(truncatingIfNeeded: call.argument(0)), of: tracee.id).file)
    guard slot >= 0, world.files[slot].channel >= 0 else { return 0 }
    switch world.files[slot].kind {
    case .tty: return 0
    // An eventfd's eight bytes are a count, without which its account would be wrong.
    case .eventfd: return max(8, payloadLimit)
    default: return payloadLimit
    }
  }

  /// A stop of PTRACE_SYSCALL: a call's exit, if it is one that was seen to enter, or of an attached program its entry.
  func syscallStop(_ tracee: Tracee, _ token: consuming StoppedTracee) throws(PtraceError) {
    guard let stop = try? token.syscall() else {
      try resume(tracee, token)
      return
    }
    if stop.kind == .entry, !hasFilter || tracee.process.stopsAtAllCalls {
      tracee.hasEntered = true
      if tracee.probe != nil { probed(tracee, stop) }
      try entryStop(tracee, stop, token)
      return
    }
    tracee.hasEntered = false
    if tracee.probe != nil { probed(tracee, stop) }
    if tracee.isNoticed, stop.kind == .entry {
      guard let since = goesOnSleeping(tracee, stop) else { return try resume(tracee, token) }
      try entryStop(tracee, stop, since: since, token)
      noteLock(tracee)
      return noteFileLock(tracee)
    }
    if tracee.isSummoned, stop.kind == .entry { return try answerSummons(tracee, stop, token) }
    guard stop.kind == .exit, let call = tracee.call else {
      try resume(tracee, token)
      return
    }
    let isCutShort = isCutShort(call, result: stop.result, tracee)
    if Self.restarts.contains(stop.result) || stop.result == -Int64(EINTR) || isCutShort {
      endTurn(tracee)
      call.untraced?.giveBack(token)
      tracee.call?.untraced = nil
      tracee.call?.interrupted = stop.result
      tracee.call?.mayRestart = Self.restarts.contains(stop.result)
      // Another thread may take the signal that woke this one, and no stop come of it: one of ours shows what it was. A stop
      // signal must come first, since the call sees it untraced as well.
      if stop.result == -Int64(EINTR) || isCutShort, !ProcFS.hasPendingStop(tracee.tid) {
        try? Ptrace.interrupt(tracee.tid)
      }
      try resume(tracee, token)
      return
    }
    var result = stop.result
    tracee.wasStoppedInCall = false
    let shown = giveBack(tracee, token, result: sum(call, result: result))
    if shown != result {
      try? token.setResult(shown)
      result = shown
    }
    let operation = decoder(tracee).returned(call, result: &result, arena: &tracee.arena) { pid in
      self.tracees[pid]?.id ?? .unknown
    }
    tracee.call?.operation = operation
    // Port 0 asks for any.
    if case .bind(let fd, _) = operation, result == 0, let address = ProcFS.address(fd, of: tracee.process.pid) {
      tracee.call?.operation = .bind(fd, address: intern(address, as: .address))
    }
    if let call = tracee.call, asksNothing(of: call, tracee) {
      try resumeAndComplete(tracee, call, result: result, token)
      return
    }
    if case .pipe(-1, -1, _, _) = operation, result == 0 {
      say(.memory, "it cannot be read, so what calls say there is not known", tracee)
    }
    try returned(tracee, result: result, token)
  }

  /// Writes the end of the pending call.
  func complete(_ tracee: Tracee, result: Int64, phase: Event.Phase = .end) {
    guard let call = tracee.call else { return }
    tracee.call = nil
    endTurn(tracee)
    guard hasBegun else { return }
    let time = now
    let isFolded = write(call, of: tracee, phase, result: result, at: time)
    noteTurn(call, result: result, tracee)
    sampleUsage(tracee, at: time, isInRun: isFolded)
  }

  /// Lets the tracee go on, and then writes the end of its call: for calls after whose return nothing has to be asked.
  func resumeAndComplete(
    _ tracee: Tracee, _ call: PendingCall, result: Int64, _ token: consuming StoppedTracee
  ) throws(PtraceError) {
    tracee.call = nil
    endTurn(tracee)
    let time = now
    try resume(tracee, token)
    guard hasBegun else { return }
    let isFolded = write(call, of: tracee, .end, result: result, at: time)
    noteNeeds(of: call, result: result, tracee)
    noteTurn(call, result: result, tracee)
    sampleUsage(tracee, at: time, isInRun: isFolded)
  }

  /// Writes the thread's processor time each half second; less and less often while its calls go into one run, and once that
  /// has ended.
  private func sampleUsage(_ tracee: Tracee, at time: Nanoseconds, isInRun: Bool) {
    let usual: Nanoseconds = 500_000_000
    if isInRun {
      guard time &- tracee.usageTime >= tracee.usageInterval else { return }
      tracee.usageInterval = min(2 * tracee.usageInterval, 30_000_000_000)
      sampleUsage(tracee, at: time, every: 0)
    } else {
      sampleUsage(tracee, at: time, every: tracee.usageInterval > usual ? 0 : usual)
      tracee.usageInterval = usual
    }
  }

  private func sayOtherABI(_ tracee: Tracee, _ stop: SyscallStop) {
    let what = stop.architecture == Self.x86_64 ? "x32 system calls" : "32-bit system calls"
    say(.otherABI, what, tracee)
  }

  /// Writes down a blind spot, once per process and kind.
  func say(_ spot: BlindSpot, _ what: String, _ tracee: Tracee) {
    guard hasBegun, tracee.process.said.insert(spot).inserted else { return }
    emit(tracee, .blindSpot(spot, detail: intern(Array(what.utf8))))
  }

  /// Writes the thread's processor time, if the last word of it is older than `every` ns.
  func sampleUsage(_ tracee: Tracee, at time: Nanoseconds, every: Nanoseconds) {
    guard hasBegun, time &- tracee.usageTime >= every else { return }
    tracee.usageTime = time
    guard let usage = ProcFS.usage(of: tracee.tid, in: tracee.process.pid) else { return }
    emit(tracee, .usage(running: usage.running, waiting: usage.waiting))
  }
}
