// The model's descriptors held against the kernel's, wherever events alone cannot tell what a number means: numbers that came
// from where no stop is, messages, and what Recorder+Overlaps has in doubt.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How many descriptors one number is compared with, at the most.
  private static let mostCompared = 4096
  private static let faultHandler = Array("anon_inode:[userfaultfd]".utf8)

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

  func existing(
    _ fd: FD, _ found: ProcFS.Found, of tracee: Tracee, _ twin: Twin
  ) -> ExistingDescriptor {
    let link = found.kind == .socket ? found.link + connection(fd, of: tracee) : found.link
    if link == Self.faultHandler { hasFaultHandlers = true }
    var descriptor = ExistingDescriptor(
      fd: fd, kind: found.kind, link: intern(link, as: .link), inode: found.inode,
      flags: ProcFS.flags(fd, of: tracee.tid), sameAs: -1)
    if link.count > found.link.count { descriptor.traits.insert(.connection) }
    switch twin {
    case .found(let thread, let twin):
      descriptor.sameAs = twin
      descriptor.sameIn = thread
    case .none: descriptor.sameIn = tracee.id
    case .unknown: break
    }
    return descriptor
  }

  /// ` to ADDRESS` of a connected stream socket, ` from ADDRESS` of one that came by accept(2): its own address is one that some other
  /// socket was bound to in this trace.
  private func connection(_ fd: FD, of tracee: Tracee) -> [UInt8] {
    let peer = ProcFS.connection(fd, of: tracee.process.pid)
    guard !peer.isEmpty, world.hasBound, let own = ProcFS.address(fd, of: tracee.process.pid) else { return peer }
    var addresses = [own]
    if let colon = own.lastIndex(of: UInt8(ascii: ":")) {
      addresses += ["0.0.0.0", "[::]"].map { Array($0.utf8) + own[colon...] }
    }
    let isOwn = world.file(world.descriptor(fd, of: tracee.id).file).map { $0.address != .empty } ?? false
    guard !isOwn, addresses.contains(where: { world.isBound(intern($0, as: .address)) }) else { return peer }
    return Array(" from".utf8) + peer.dropFirst(3)
  }

  enum Twin {
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
  func twin(of fd: FD, _ found: ProcFS.Found, in tracee: Tracee, unsure: ArraySlice<FD>) -> Twin {
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
    case .accept(let fd, _), .connect(let fd, _), .bind(let fd, _), .lock(let fd, _): lookUp(fd, tracee)
    default: return
    }
  }

  /// A number that is copied: files are copied all the time, and are nobody's wakeup.
  private func lookUpChannel(_ fd: FD, _ tracee: Tracee) {
    guard fd >= 0, !world.descriptor(fd, of: tracee.id).isOpen, let found = ProcFS.descriptor(fd, of: tracee.tid),
      [.pipe, .fifo, .eventfd, .tty].contains(found.kind)
    else { return }
    adopt(existing(fd, found, of: tracee), of: tracee)
    needs([fd], tracee)
  }

  func lookUp(_ fd: FD, _ tracee: Tracee) {
    if fd >= 0, !world.descriptor(fd, of: tracee.id).isOpen { describe(fd, of: tracee) }
  }
}
