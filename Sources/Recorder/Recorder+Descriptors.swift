// The model's descriptors held against the kernel's, wherever events alone cannot tell what a number means: numbers that came
// from where no stop is, messages, and calls of several threads that overlap.
//
// Two threads may change one number at once (a close and a dup2), and a fork copies the table while another thread is in
// the middle of a call. The order of the stops is not the order in which the kernel did it, so the numbers in question
// are looked up: /proc/PID/fd says what is open, kcmp(KCMP_FILE) which open file it is.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How many descriptors one number is compared with, at the most.
  private static let mostCompared = 4096

  // MARK: One number

  /// Writes down what `fd` is, as /proc and kcmp tell.
  func describe(_ fd: FD, of tracee: Tracee) {
    counters.lookUps += 1
    guard let found = ProcFS.descriptor(fd, of: tracee.tid) else { return }
    adopt(existing(fd, found, of: tracee), of: tracee)
  }

  /// Writes down a number that was looked up. Of one that is like no other, a call that is under way may be the origin:
  /// what a thread of another table is just making can be taken from it (pidfd_getfd) or sent on before that call returns.
  func adopt(_ descriptor: ExistingDescriptor, of tracee: Tracee) {
    emit(tracee, .existing(descriptor))
    guard descriptor.sameAs < 0 else { return }
    for other in tracees.values where other !== tracee {
      guard let call = other.call, call.interrupted == 0,
        Self.changesTable(call.operation) || call.shape.makesDescriptors
      else { continue }
      other.call?.orphans.append((tracee, descriptor.fd))
    }
  }

  func existing(_ fd: FD, _ found: ProcFS.Found, of tracee: Tracee) -> ExistingDescriptor {
    existing(fd, found, of: tracee, twin(of: fd, found, in: tracee, unsure: []))
  }

  private func existing(
    _ fd: FD, _ found: ProcFS.Found, of tracee: Tracee, _ twin: Twin
  ) -> ExistingDescriptor {
    var descriptor = ExistingDescriptor(
      fd: fd, kind: found.kind, link: intern(found.link), inode: found.inode,
      flags: ProcFS.flags(fd, of: tracee.tid), sameAs: -1)
    switch twin {
    case .found(let thread, let twin):
      descriptor.sameAs = twin
      descriptor.sameIn = thread
    case .none: descriptor.sameIn = tracee.id
    case .unknown: break
    }
    return descriptor
  }

  private enum Twin {
    case found(ThreadID, FD)
    case none
    /// A holder could not be asked: kcmp is not there (CONFIG_KCMP) or not allowed, or its process is being killed.
    /// Another may have said that the number is not what the model has.
    case unknown(isContradicted: Bool)
  }

  /// Another descriptor, of any traced process, that is the same open file.
  ///
  /// A number that is still to be looked up may mean another open file in the model than in the kernel, so it can only
  /// confirm what the model has, where no other number contradicts that.
  private func twin(of fd: FD, _ found: ProcFS.Found, in tracee: Tracee, unsure: ArraySlice<FD>) -> Twin {
    var compared = 0
    var isUnknown = false
    let file = world.descriptor(fd, of: tracee.id).file
    var isContradicted = false
    var confirmed: (ThreadID, FD)?
    var candidates: [(ThreadID, FD)] = []
    let doubtful = doubtfulTables(but: tracee, unsure)
    let users = usersOfTables(but: tracee)
    for holder in world.descriptors(like: found.kind, inode: found.inode) {
      guard holder.table != world.thread(tracee.id)?.table || holder.fd != fd else { continue }
      guard let threads = users[holder.table] else { continue }
      let isSameInModel = file >= 0 && world.descriptor(holder.fd, of: holder.thread).file == file
      let isUnsure = doubtful[holder.table]?.contains(holder.fd) ?? false
      if isUnsure, isSameInModel, confirmed != nil { continue }
      compared += 1
      if compared > Self.mostCompared { return .unknown(isContradicted: isContradicted) }
      let isSame = answer(of: threads, isSame: holder.fd, as: fd, of: tracee.tid)
      if let source = replacement(of: holder.fd, table: holder.table) {
        // What it is replaced by is asked for itself.
        if isSame == true, answer(of: threads, isSame: source, as: fd, of: tracee.tid) != false { continue }
        if isSame == false, answer(of: threads, isSame: holder.fd, as: source, of: threads[0].tid) != false {
          isUnknown = true
          continue
        }
      }
      switch isSame {
      case true? where isUnsure && isSameInModel: confirmed = (holder.thread, holder.fd)
      case true? where isUnsure: candidates.append((holder.thread, holder.fd))
      case true?: return .found(holder.thread, holder.fd)
      case false?: if isSameInModel, !isUnsure { isContradicted = true }
      case nil: isUnknown = true
      }
    }
    if let confirmed, !isContradicted { return .found(confirmed.0, confirmed.1) }
    // The same open file, under a number that the model may have wrong: it has not, if nobody who is sure contradicts.
    for (thread, number) in candidates {
      let slot = world.descriptor(number, of: thread).file
      let isWrong = world.descriptors(like: found.kind, inode: found.inode).contains { holder in
        guard world.descriptor(holder.fd, of: holder.thread).file == slot, let threads = users[holder.table],
          doubtful[holder.table]?.contains(holder.fd) != true
        else { return false }
        return answer(of: threads, isSame: holder.fd, as: fd, of: tracee.tid) == false
      }
      if !isWrong { return .found(thread, number) }
    }
    return isUnknown ? .unknown(isContradicted: isContradicted) : .none
  }

  /// By table, the numbers that the model may have wrong until they are looked up.
  private func doubtfulTables(but tracee: Tracee, _ unsure: ArraySlice<FD>) -> [Int: Set<FD>] {
    var doubtful: [Int: Set<FD>] = [:]
    if !unsure.isEmpty, let table = world.thread(tracee.id)?.table { doubtful[table] = Set(unsure) }
    for other in tracees.values where other !== tracee && other.doubtfulSince != nil && !other.hasEnded {
      guard let table = world.thread(other.id)?.table else { continue }
      doubtful[table, default: []].formUnion(doubtfulNumbers(of: other))
    }
    return doubtful
  }

  /// The numbers of a table in doubt that changed, there or where it was copied from, since the doubt began.
  func doubtfulNumbers(of tracee: Tracee) -> [FD] {
    guard let since = tracee.doubtfulSince else { return [] }
    return world.numbersChanged(since: since, of: tracee.doubtfulSource ?? tracee.id) + tracee.doubtfulNumbers
  }

  /// The threads of each table, but those that have given it up on their way out. `leaves`: it is in a call that gives
  /// it a table of its own, which the kernel may have done already (kernel/fork.c, unshare_fd; fs/file.c,
  /// __close_range; fs/exec.c, begin_new_exec).
  private func usersOfTables(but tracee: Tracee) -> [Int: [(tid: Int32, leaves: Bool)]] {
    var users: [Int: [(tid: Int32, leaves: Bool)]] = [:]
    for other in tracees.values where !other.isExiting && other !== tracee {
      guard let table = world.thread(other.id)?.table else { continue }
      users[table, default: []].append((other.tid, other.call.map { Self.leavesTable($0.operation) } ?? false))
    }
    if let table = world.thread(tracee.id)?.table { users[table, default: []].insert((tracee.tid, false), at: 0) }
    return users
  }

  /// Whether a number of a table that these threads use is the open file of `fd`; nil where none of them can tell.
  private func answer(
    of threads: [(tid: Int32, leaves: Bool)], isSame number: FD, as fd: FD, of tid: Int32
  ) -> Bool? {
    // Who leaves may speak for a table of its own: it is asked where nobody else is there.
    let stays = threads.contains { !$0.leaves }
    for thread in threads where !stays || !thread.leaves {
      switch clinux_same_file(tid, fd, thread.tid, number) {
      case 1: return true
      case 0: return false
      // Not open there, of which the model is about to learn; or the thread is being killed, and has no table any more.
      case -EBADF: if ProcFS.isAlive(thread.tid), !ProcFS.descriptors(of: thread.tid).isEmpty { return false }
      default: break
      }
    }
    return nil
  }

  /// What a dup2 on to the number that is under way copies: the kernel may be ahead of the model.
  private func replacement(of fd: FD, table: Int) -> FD? {
    for other in tracees.values {
      guard case .duplicate(let from, let to, _) = other.call?.operation, to == fd, from != fd,
        world.thread(other.id)?.table == table
      else { continue }
      return from
    }
    return nil
  }

  /// Compares what the model says of `fd` with the kernel, and writes down what is different.
  func verify(_ numbers: [FD], of tracee: Tracee) {
    for place in numbers.indices { verify(numbers[place], of: tracee, unsure: numbers[(place + 1)...]) }
  }

  private func verify(_ fd: FD, of tracee: Tracee, unsure: ArraySlice<FD>) {
    let model = world.descriptor(fd, of: tracee.id)
    guard let found = ProcFS.descriptor(fd, of: tracee.tid) else {
      // A thread that has been killed shows no descriptors either.
      if model.isOpen, ProcFS.isAlive(tracee.tid) { emit(tracee, .missing(fd)) }
      return
    }
    let twin = twin(of: fd, found, in: tracee, unsure: unsure)
    let truth = existing(fd, found, of: tracee, twin)
    if model.isOpen {
      let isSame: Bool
      switch twin {
      case .found(let thread, let number): isSame = world.descriptor(number, of: thread).file == model.file
      case .unknown(let isContradicted):
        isSame = !isContradicted && world.isObject(found.kind, inode: found.inode, of: model.file)
      case .none:
        isSame =
          !isHeldElsewhere(model.file, than: fd, tracee)
          && world.isObject(found.kind, inode: found.inode, of: model.file)
      }
      let closeOnExec = truth.flags & 0o2000000 != 0
      // Where changes of flags are not seen they are compared, too.
      let isNonblocking = world.file(model.file)?.nonblocking == (truth.flags & 0o4000 != 0) || scope != .light
      if isSame, model.closeOnExec == closeOnExec, isNonblocking { return }
      if !isSame, truth.sameAs < 0 { emit(tracee, .missing(fd)) }
    }
    adopt(truth, of: tracee)
  }

  /// Whether the model has the open file under another number, in a table that can be asked.
  private func isHeldElsewhere(_ file: Int32, than fd: FD, _ tracee: Tracee) -> Bool {
    guard world.holders(ofFile: file) > 1 else { return false }
    let own = world.thread(tracee.id)?.table
    return usersOfTables(but: tracee).keys.contains { table in
      world.tables[table].open.contains { $0.descriptor.file == file && (table != own || $0.fd != fd) }
    }
  }

  /// A number that the model does not know may have come from a call that is not stopped at.
  func lookUpUnknown(_ operation: Operation, _ tracee: Tracee) {
    switch operation {
    case .wait(let wait):
      if wait.isEpoll { return lookUp(wait.epoll, tracee) }
      for place in wait.entries.indices { lookUp(tracee.arena.waits[place].fd, tracee) }
    case .epollControl(let epoll, 1, let fd, _, _):
      lookUp(epoll, tracee)
      lookUp(fd, tracee)
    case .duplicate(let from, _, _): if scope == .all { lookUp(from, tracee) } else { lookUpChannel(from, tracee) }
    case .transfer(let transfer):
      lookUp(transfer.fd, tracee)
      if transfer.direction == .output, !transfer.passed.isEmpty {
        for fd in Array(tracee.arena.numbers(transfer.passed)) { lookUp(fd, tracee) }
      }
    case .accept(let fd, _), .connect(let fd, _): lookUp(fd, tracee)
    default: return
    }
  }

  /// A number that is copied: files are copied all the time, and are nobody's wakeup.
  private func lookUpChannel(_ fd: FD, _ tracee: Tracee) {
    guard fd >= 0, !world.descriptor(fd, of: tracee.id).isOpen, let found = ProcFS.descriptor(fd, of: tracee.tid),
      [.pipe, .fifo, .eventfd].contains(found.kind)
    else { return }
    adopt(existing(fd, found, of: tracee), of: tracee)
    needs([fd], tracee)
  }

  func lookUp(_ fd: FD, _ tracee: Tracee) {
    if fd >= 0, !world.descriptor(fd, of: tracee.id).isOpen { describe(fd, of: tracee) }
  }

  // MARK: Calls that overlap

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
  private static func leavesTable(_ operation: Operation) -> Bool {
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
    guard hasBegun, !isHolding, call.orphans.isEmpty, tracee.doubtfulSince == nil else { return false }
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
