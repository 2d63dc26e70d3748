// Calls of several threads that overlap, and tables that were copied meanwhile: what is then in doubt is looked up.
//
// Two threads may change one number at once (a close and a dup2), and a fork copies the table while another thread is in
// the middle of a call. The order of the stops is not the order in which the kernel did it, so the numbers in question
// are looked up: /proc/PID/fd says what is open, kcmp(KCMP_FILE) which open file it is.

import Lineage
import Ptrace
import Trace

extension Recorder {
  /// Whether the call changes a descriptor table.
  static func changesTable(_ operation: Operation) -> Bool {
    switch operation {
    case .pipe, .create, .socketPair, .socket, .accept, .duplicate, .setCloseOnExec, .close, .closeRange, .open,
      .takeDescriptor, .unshare, .exec:
      true
    case .transfer(let transfer): transfer.direction == .input
    // CLONE_PIDFD
    case .spawn(let flags, _): flags & 0x1000 != 0
    default: false
    }
  }

  /// Whether the call gives its thread a table of its own.
  static func leavesTable(_ operation: Operation) -> Bool {
    switch operation {
    case .exec: true
    case .unshare(let flags): flags & 0x400 != 0
    case .closeRange(_, _, let flags): flags & 2 != 0
    default: false
    }
  }

  private static func copiesTable(_ operation: Operation) -> Bool {
    switch operation {
    case .spawn, .unshare, .exec: true
    case .closeRange(_, _, let flags): flags & 2 != 0
    default: false
    }
  }

  func sharers(of tracee: Tracee) -> [Tracee] {
    guard let table = world.thread(tracee.id)?.table, world.tables[table].users > 1 else { return [] }
    return tracees.values.filter { $0 !== tracee && !$0.hasEnded && world.thread($0.id)?.table == table }
  }

  /// For a call that copies the table: since when others have been inside of calls that change it; else its own entry.
  func beginningOfDoubt(_ call: PendingCall, _ tracee: Tracee) -> Nanoseconds {
    guard Self.copiesTable(call.operation) else { return call.entered }
    return sharers(of: tracee).reduce(call.entered) { earliest, other in
      guard let pending = other.call, Self.changesTable(pending.operation) else { return earliest }
      return min(earliest, pending.entered)
    }
  }

  /// A call has returned: it is written down, and what other threads of the table did meanwhile is looked up.
  func returned(_ tracee: Tracee, result: Int64, _ token: consuming StoppedTracee) throws(PtraceError) {
    guard let call = tracee.call else {
      try resume(tracee, token)
      return
    }
    let isShared = world.isTableShared(by: tracee.id)
    let others = isShared && Self.copiesTable(call.operation) ? sharers(of: tracee) : []
    let numbers = hasBegun ? self.numbers(of: call, result: result, tracee, isShared: isShared) : []
    complete(tracee, result: result)
    verify(numbers, of: tracee)
    if !call.isSilent { noteNeeds(of: call, result: result, tracee) }
    for (other, fd) in call.orphans where tracees[other.tid] === other && world.descriptor(fd, of: other.id).isOpen {
      verify([fd], of: other)
    }
    if !others.isEmpty, result >= 0 {
      switch call.operation {
      case .unshare(let flags) where flags & 0x400 != 0: doubt(tracee, since: call.doubtfulSince, others: others)
      case .closeRange(_, _, let flags) where flags & 2 != 0:
        doubt(tracee, since: call.doubtfulSince, others: others)
      default: break
      }
    }
    if wantsArming(tracee) { return try inject(tracee, at: .exit, token) }
    if tracee.doubtfulSince != nil { return try settleOrHold(tracee, token) }
    try resume(tracee, token)
  }

  /// Whether nothing has to be looked up once the call has returned, and nothing is made by it.
  func asksNothing(of call: PendingCall, _ tracee: Tracee) -> Bool {
    guard hasBegun, !isHolding, call.orphans.isEmpty, tracee.doubtfulSince == nil, !wantsArming(tracee) else {
      return false
    }
    switch call.operation {
    case .wait, .sleep, .waitChild: return true
    case .transfer(let transfer): return transfer.passed.isEmpty
    default: return false
    }
  }

  /// The numbers that the call touched and that have to be looked up once it is written down.
  private func numbers(of call: PendingCall, result: Int64, _ tracee: Tracee, isShared: Bool) -> [FD] {
    let fd = FD(truncatingIfNeeded: result)
    var numbers: [FD] = []
    switch call.operation {
    case .transfer(let transfer):
      // Their sender may not be traced, or they may be others than those that were sent first.
      if transfer.direction == .input, result >= 0 {
        return tracee.arena.numbers(transfer.passed).filter { $0 >= 0 }
      }
      return []
    case .takeDescriptor: return result >= 0 ? [fd] : []
    case .plain where result >= 0:
      switch call.shape {
      // SECCOMP_FILTER_FLAG_NEW_LISTENER
      case .opaque: return [fd]
      case .seccomp: return call.argument(1) & 8 != 0 ? [fd] : []
      default: return []
      }
    // TIOCGPTPEER
    case .control(_, 0x5441): return result >= 0 ? [fd] : []
    default: break
    }
    guard isShared else { return [] }
    switch call.operation {
    case .pipe(let read, let write, _, _): numbers = [read, write]
    case .socketPair(let first, let second, _, _): numbers = [first, second]
    case .create, .socket, .accept, .open: numbers = [fd]
    case .duplicate(let from, _, _):
      if isDoubtful(from, call, tracee) { return [fd] }
      numbers = [fd]
    case .setCloseOnExec(let number, _), .close(let number): numbers = [number]
    case .closeRange(let first, let last, _):
      let open = world.openNumbers(of: tracee.id).last ?? 0
      guard first <= last, first <= UInt32(max(0, open)) else { return [] }
      numbers = Array(FD(first)...min(FD(truncatingIfNeeded: min(last, 1 << 20)), open))
    default: return []
    }
    return numbers.filter { $0 >= 0 && isDoubtful($0, call, tracee) }
  }

  /// Whether another thread changed the number while the call lasted.
  private func isDoubtful(_ fd: FD, _ call: PendingCall, _ tracee: Tracee) -> Bool {
    let descriptor = world.descriptor(fd, of: tracee.id)
    return descriptor.since >= call.entered && descriptor.by != tracee.id && descriptor.by != .unknown
  }

  /// CLONE_PIDFD: the parent has the descriptor before the call returns, which may be much later (CLONE_VFORK).
  func describePidfd(_ tracee: Tracee) {
    guard let call = tracee.call, case .spawn(let flags, _) = call.operation, flags & 0x1000 != 0 else { return }
    let memory = memory(of: tracee)
    let place = call.syscall == .clone3 ? memory.load(call.argument(0) &+ 8, as: UInt64.self) : call.argument(2)
    if let place, let fd = memory.load(place, as: Int32.self) { describe(fd, of: tracee) }
  }

  // MARK: Copied tables

  /// The tracee's table was copied from that of `others` while they changed it, or may have.
  private func doubt(_ tracee: Tracee, since: Nanoseconds, others: [Tracee]) {
    tracee.doubtfulSince = min(tracee.doubtfulSince ?? .max, since)
    tracee.doubtfulNumbers += others.flatMap { numbersAtStake($0) }
    guard let source = others.first else { return }
    tracee.doubtfulSource = source.id
    tracee.doubtfulNumbers += world.numbersChanged(since: since, of: source.id)
  }

  /// A thread ended inside of a call: what the call did to a table that others still use is not known. Nor is what the
  /// thread itself had in doubt.
  func doubtTable(of tracee: Tracee) {
    var since = tracee.doubtfulSince
    if let call = tracee.call, Self.changesTable(call.operation) { since = min(since ?? .max, call.entered) }
    guard let since else { return }
    let others = sharers(of: tracee)
    guard !others.isEmpty else { return }
    let numbers = numbersAtStake(tracee) + doubtfulNumbers(of: tracee)
    for other in others {
      other.doubtfulSince = min(other.doubtfulSince ?? .max, since)
      other.doubtfulNumbers += numbers
    }
  }

  /// The open numbers that the call which the tracee is inside of changes, if it does so at all: they stay open, and so
  /// must be looked at for the change to show.
  func numbersAtStake(_ tracee: Tracee) -> [FD] {
    switch tracee.call?.operation {
    case .duplicate(_, let to, _) where to >= 0: return [to]
    case .setCloseOnExec(let number, _): return [number]
    // CLOSE_RANGE_CLOEXEC
    case .closeRange(let first, let last, let flags) where flags & 4 != 0:
      return world.openNumbers(of: tracee.id).filter { first <= UInt32($0) && UInt32($0) <= last }
    default: return []
    }
  }

  /// Whether no other thread of the tables that matter is in the middle of a call that changes them. What sleeps has not
  /// made its descriptor yet.
  private func isSettled(_ tracee: Tracee) -> Bool {
    guard let since = tracee.doubtfulSince else { return true }
    return !tracees.values.contains { other in
      guard other !== tracee, !other.isHeld, let call = other.call, call.interrupted == 0, call.entered >= since,
        Self.changesTable(call.operation) || call.shape.makesDescriptors
      else { return false }
      return ProcFS.isRunning(other.tid)
    }
  }

  func settleOrHold(_ tracee: Tracee, _ token: consuming StoppedTracee, signal: Int32 = 0) throws(PtraceError) {
    guard isSettled(tracee) else {
      tracee.hold(token, signal: signal)
      unsettled.append(tracee)
      return
    }
    reconcile(tracee)
    try resume(tracee, token, signal: signal)
  }

  /// Goes on with those whose tables are quiet now.
  func settle() throws(PtraceError) {
    guard !unsettled.isEmpty else { return }
    for tracee in unsettled where tracee.isHeld && isSettled(tracee) {
      reconcile(tracee)
      try release(tracee)
    }
    unsettled.removeAll { !$0.isHeld || $0.doubtfulSince == nil }
  }

  /// Compares a table with the kernel's: the numbers that changed since the doubt began, and those that only one of the two
  /// has.
  func reconcile(_ tracee: Tracee) {
    guard tracee.doubtfulSince != nil else { return }
    let changed = doubtfulNumbers(of: tracee)
    tracee.doubtfulSince = nil
    guard hasBegun, ProcFS.isAlive(tracee.tid) else { return }
    let there = Set(ProcFS.descriptors(of: tracee.tid))
    let known = Set(world.openNumbers(of: tracee.id))
    tracee.doubtfulNumbers = []
    tracee.doubtfulSource = nil
    verify(there.symmetricDifference(known).union(changed).sorted(), of: tracee)
  }
}
