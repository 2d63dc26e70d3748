// What is worth a stop: which numbers of which processes are armed, and when.
//
// The filter that a program begins with stops at what makes channels, at waits, and at births. Reads, writes and closes run free
// until a number means a channel; then a filter layer makes these calls stop on this number. Filters are inherited, outlive exec and
// are never taken back, so a number is armed once per line of descent; what it means by then, the model knows, since its close
// stops with the rest. `World.sight` keeps what is armed: the recorder and the rules ask the same.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// With each layer a call on an armed number costs some 30 ns more. The first layers hold exact numbers, later ones blocks of 32,
  /// the last one everything: a number that is armed without need costs a stop only where it is used.
  private static let exactLayers = 8
  private static let mostLayers = 60
  private static let block: FD = 32
  /// 0, 1 and 2 keep their numbers through every exec: what is armed there is armed for all programs to come.
  static let standardNumbers: ClosedRange<FD> = 0...2
  /// After so many returns in a row for a number whose reads are not seen these are armed.
  private static let unseenReturns = 64
  /// A wait that lasted longer was none of a spin, or another thread had the core meanwhile: of a spin's most are shorter.
  private static let instant: Nanoseconds = 2_000_000

  // MARK: What is wanted

  /// Whether the process can be given filter layers, and needs any.
  func isArmable(_ tracee: Tracee) -> Bool {
    hasFilter && scope != .all && hasBegun && !tracee.process.stopsEverywhere && !tracee.process.hasOwnFilter
  }

  /// Whether its process lacks what it should have, though another of its threads may be adding it: until that is done no thread that
  /// stands still goes on, or it would be ahead of what was wanted for its sake.
  func wantsArming(_ tracee: Tracee) -> Bool {
    let process = tracee.process
    let isUnderWay = process.space.injecting.map { $0 !== tracee && $0.process === process } ?? false
    guard isUnderWay || !process.wanted.isEmpty || process.wantsEverything || process.wantsWaits else { return false }
    return isArmable(tracee) && !isLeaving
  }

  /// Wants what lacks of these families on the number.
  func want(_ families: CallFamilies, on fd: FD, _ tracee: Tracee) {
    let missing = families.subtracting(world.sight(of: tracee.id).calls(on: fd))
    guard fd >= 0, !missing.isEmpty, isArmable(tracee), writer.isOpen else { return }
    tracee.process.wanted[fd, default: []].formUnion(missing)
    // Processes that share the table without being threads have filters of their own.
    guard world.isTableShared(by: tracee.id) else { return }
    for other in sharers(of: tracee) where other.process !== tracee.process && isArmable(other) {
      let missing = families.subtracting(world.sight(of: other.id).calls(on: fd))
      if !missing.isEmpty { other.process.wanted[fd, default: []].formUnion(missing) }
    }
  }

  /// Wants everything, since later it will not be possible.
  func wantEverything(_ tracee: Tracee) {
    if isArmable(tracee), !world.sight(of: tracee.id).sees([.reads, .writes, .closes, .messages], on: FD.max) {
      tracee.process.wantsEverything = true
    }
  }

  /// The calls that must be seen on a number for the model to be true of it.
  func families(of fd: FD, _ tracee: Tracee, isWaitedFor: Bool) -> CallFamilies {
    guard let file = world.file(world.descriptor(fd, of: tracee.id).file) else { return [] }
    var families: CallFamilies
    switch file.kind {
    case .pipe, .fifo:
      families =
        file.side == .read
        ? [.reads, .closes] : file.side == .write ? [.writes, .closes] : [.reads, .writes, .closes]
    case .eventfd: families = [.reads, .writes, .closes]
    case .socketpair: families = [.reads, .writes, .closes, .messages]
    case .socket: families = file.isLocal ? [.closes, .messages] : .closes
    case .epoll, .timerfd, .signalfd, .inotify, .pidfd: families = .closes
    case .file, .memfd, .tty, .directory, .device, .other, .unknown: families = isWaitedFor ? .closes : []
    }
    if Self.standardNumbers.contains(fd), !isWaitedFor, !isWaitedForByCreator(file) {
      families.formIntersection(.closes)
    }
    return families
  }

  private func isWaitedForByCreator(_ file: OpenFile) -> Bool {
    guard let channel = world.channel(file.channel), let creator = world.process(of: channel.creator)?.id else {
      return false
    }
    return (channel.use(by: creator)?.waits ?? 0) > 0
  }

  /// Whether channels are armed where they are made.
  func armsChannels(_ tracee: Tracee) -> Bool { world.sight(of: tracee.id).seesWaits }

  /// A call has returned: what it made is armed.
  func noteNeeds(of call: PendingCall, result: Int64, _ tracee: Tracee) {
    guard scope != .all, result >= 0, isArmable(tracee) else { return }
    switch call.operation {
    case .pipe(let read, let write, _, _): needs([read, write], tracee)
    case .socketPair(let first, let second, _, _): needs([first, second], tracee)
    case .create(_, _, _, let existing): if existing < 0 { needs([FD(truncatingIfNeeded: result)], tracee) }
    case .socket, .accept, .duplicate, .takeDescriptor: needs([FD(truncatingIfNeeded: result)], tracee)
    case .transfer(let transfer) where transfer.direction == .input && !transfer.passed.isEmpty:
      needs(Array(tracee.arena.numbers(transfer.passed)), tracee)
    case .wait(let wait):
      noteUnseen(wait, call, tracee)
      if !muted.isEmpty, wait.isEpoll { askMuted(wait.epoll, tracee) }
    // Who keeps the address from others is known as long as its closing is seen.
    case .bind(let fd, _): needs([fd], tracee)
    default: break
    }
  }

  func needs(_ numbers: [FD], _ tracee: Tracee) {
    guard armsChannels(tracee) else { return }
    for fd in numbers where fd >= 0 { want(families(of: fd, tracee, isWaitedFor: false), on: fd, tracee) }
  }

  /// A call was entered and written down: what it needs to be understood is armed before it goes on.
  func noteNeeds(atEntryOf call: PendingCall, _ tracee: Tracee) {
    guard scope != .all, isArmable(tracee) else { return }
    switch call.operation {
    case .wait(let wait):
      if wait.isEpoll {
        want(families(of: wait.epoll, tracee, isWaitedFor: true), on: wait.epoll, tracee)
      } else {
        for place in wait.entries.indices {
          let fd = tracee.arena.waits[place].fd
          if fd >= 0 { want(families(of: fd, tracee, isWaitedFor: true), on: fd, tracee) }
        }
      }
    case .epollControl(let epoll, let op, let fd, _, _):
      want(families(of: epoll, tracee, isWaitedFor: true), on: epoll, tracee)
      if op == 1 { want(families(of: fd, tracee, isWaitedFor: true), on: fd, tracee) }
      noteMuting(epoll, op, fd, tracee)
    case .setNonblocking(let fd, _): noteFlagChange(fd, tracee)
    case .close(let fd), .duplicate(_, let fd, _): noteMoved(fd, tracee)
    default: break
    }
    switch call.shape {
    case .spawn(let kind): if kind != .clone && kind != .clone3 || !isThread(call) { noteStandardInput(tracee) }
    case .seccomp where call.argument(0) <= 1: wantEverything(tracee)
    // PR_SET_SECCOMP
    case .prctl where UInt32(truncatingIfNeeded: call.argument(0)) == 22: wantEverything(tracee)
    // In scope light a suspect would stop at all calls instead.
    case .privilege:
      if scope != .light, mayLosePrivilege(call.syscall, call.arguments, tracee) { wantEverything(tracee) }
    // CLONE_NEWUSER
    case .unshare where call.argument(0) & 0x1000_0000 != 0:
      if !tracee.process.hasNoNewPrivileges, !setNoNewPrivileges { wantEverything(tracee) }
    default: break
    }
  }

  /// A number that epoll watches is given up, and the process has the open file under another one: whether that is used is seen from
  /// now on, or nobody could say that the entry is of no use.
  private func noteMoved(_ fd: FD, _ tracee: Tracee) {
    let slot = world.descriptor(fd, of: tracee.id).file
    guard let file = world.file(slot), file.hasCopies, file.isWatched else { return }
    for (process, number) in world.numbers(ofFile: slot) where process == tracee.process.id && number != fd {
      want([.reads, .writes, .closes], on: number, tracee)
    }
  }

  private func isThread(_ call: PendingCall) -> Bool {
    if case .spawn(let flags, _) = call.operation { return flags & 0x10000 != 0 }
    return false
  }

  /// A process whose standard input is a channel makes a child: both can read it from then on.
  private func noteStandardInput(_ tracee: Tracee) {
    guard armsChannels(tracee), let file = world.file(world.descriptor(0, of: tracee.id).file) else { return }
    switch file.kind {
    case .pipe, .fifo, .eventfd, .socketpair, .socket: want([.reads, .closes], on: 0, tracee)
    default: return
    }
  }

  /// Without NO_NEW_PRIVS filters need CAP_SYS_ADMIN (Linux 6.1, kernel/seccomp.c, seccomp_prepare_filter), which a root that
  /// becomes somebody else has no more.
  func mayLosePrivilege(_ syscall: Syscall, _ arguments: Arguments, _ tracee: Tracee) -> Bool {
    if setNoNewPrivileges || tracee.process.hasNoNewPrivileges { return false }
    func changes(_ argument: UInt64) -> Bool {
      let user = UInt32(truncatingIfNeeded: argument)
      return user != 0 && user != UInt32.max
    }
    switch syscall {
    case .setuid: return changes(arguments.0)
    case .setreuid: return changes(arguments.0) || changes(arguments.1)
    case .setresuid: return changes(arguments.0) || changes(arguments.1) || changes(arguments.2)
    default: return true
    }
  }

  /// How many descriptors of a process are looked at when it forks.
  static let mostInherited = 256

  /// What the parent has and the model does not know, since it came by a way that does not stop and nobody has waited for it: pipes
  /// opened by name, connections. The child may use them, too.
  func describeInheritance(from parent: Tracee) {
    guard armsChannels(parent), isArmable(parent) else { return }
    var connections: [FD] = []
    for fd in ProcFS.channels(of: parent.process.pid, most: Self.mostInherited) {
      if let file = world.file(world.descriptor(fd, of: parent.id).file) {
        // A socket that was not connected when it came to be known.
        if file.kind == .socket, !file.isConnection, Self.isConnection(fd, parent) { describe(fd, of: parent) }
      } else {
        guard let found = ProcFS.descriptor(fd, of: parent.tid), found.kind != .socket || Self.mayBeShared(fd, parent)
        else { continue }
        adopt(existing(fd, found, of: parent), of: parent)
        needs([fd], parent)
      }
      if fd > Self.standardNumbers.upperBound, isConnection(fd, parent) { connections.append(fd) }
    }
    // A client has few, and may go on to use them beside its child. A server that forks has one for each of its clients: there it
    // is armed when a child uses it.
    guard connections.count <= Self.fewConnections else { return }
    for fd in connections { want([.reads, .writes, .closes], on: fd, parent) }
  }

  private static let fewConnections = 8

  private static func isConnection(_ fd: FD, _ tracee: Tracee) -> Bool {
    clinux_socket_kind(tracee.process.pid, fd) == Int32(CLINUX_CONNECTED_STREAM.rawValue)
  }

  /// A connection, or a listener: what a child does with either, its parent may feel.
  private static func mayBeShared(_ fd: FD, _ tracee: Tracee) -> Bool {
    let kind = clinux_socket_kind(tracee.process.pid, fd)
    return kind == Int32(CLINUX_CONNECTED_STREAM.rawValue) || kind == Int32(CLINUX_LISTENING.rawValue)
  }

  private func isConnection(_ fd: FD, _ tracee: Tracee) -> Bool {
    world.file(world.descriptor(fd, of: tracee.id).file)?.isConnection == true
  }

  /// A forked child uses a connection that it inherited: who else has it is seen to use it from now on.
  func noteSharedUse(by call: PendingCall, _ tracee: Tracee) {
    guard scope == .wakeups, case .transfer(let transfer) = call.operation, world.isHeir(tracee.process.id) else {
      return
    }
    let slot = world.descriptor(transfer.fd, of: tracee.id).file
    guard let file = world.file(slot), file.isConnection, world.isForeign(file.channel, to: tracee.process.id) else {
      return
    }
    for other in tracees.values where other.process !== tracee.process && other.tid == other.process.pid {
      // By the same number: dup'ed ones are not looked for.
      guard world.descriptor(transfer.fd, of: other.id).file == slot, isArmable(other),
        !world.sight(of: other.id).sees([.reads, .writes, .closes], on: transfer.fd)
      else { continue }
      want([.reads, .writes, .closes], on: transfer.fd, other)
      // At the end of the call that it is in; or at its next one, which is this one again where it sleeps.
      guard other.call == nil else { continue }
      other.isSummoned = true
      if !other.isHeld, !isChangedByInterrupt(other) { try? Ptrace.interrupt(other.tid) }
    }
  }

  /// A forked child, before its first call: what it does with connections and timers that it inherited is seen, in the child only;
  /// with pipes that were opened by name; and what it asks of standard descriptors that do not block, since it may not know that.
  func noteInheritance(_ child: Tracee) {
    guard scope == .wakeups, isArmable(child) else { return }
    for fd in world.openNumbers(of: child.id) {
      guard let file = world.file(world.descriptor(fd, of: child.id).file) else { continue }
      if Self.standardNumbers.contains(fd) {
        if file.nonblocking, file.channel >= 0 {
          want(fd == 0 ? [.reads, .closes] : [.writes, .closes], on: fd, child)
        }
        continue
      }
      if file.kind == .timerfd { want([.reads, .closes], on: fd, child) }
      // What was opened by name and known at the fork only (describeInheritance) the parent's filters did not hold.
      if file.kind == .pipe || file.kind == .fifo { needs([fd], child) }
      guard file.isConnection, !world.sight(of: child.id).sees([.reads, .writes, .closes], on: fd) else { continue }
      want([.reads, .writes, .closes], on: fd, child)
    }
  }

  /// O_NONBLOCK is the open file's: other processes that have it are seen to use it from now on.
  private func noteFlagChange(_ fd: FD, _ tracee: Tracee) {
    let slot = world.descriptor(fd, of: tracee.id).file
    guard scope == .wakeups, let file = world.file(slot), file.channel >= 0, file.hasCopies else { return }
    for (process, number) in world.numbers(ofFile: slot) where process != tracee.process.id {
      guard let other = tracees.values.first(where: { $0.process.id == process }) else { continue }
      want(file.side == .read ? .reads : file.side == .write ? .writes : [.reads, .writes], on: number, other)
      if wantsArming(other) { summon(other.process, sparing: number) }
    }
  }

  /// A spin on what is not read by calls that are seen arms these; only what it returns from then on is judged.
  private func noteUnseen(_ wait: Wait, _ call: PendingCall, _ tracee: Tracee) {
    let sight = world.sight(of: tracee.id)
    let ready = world.ready.first { !$0.isNews && !$0.isSeen && $0.fd >= 0 }
    guard let ready else {
      tracee.unseen = UnseenReturns()
      return
    }
    if ready.fd != tracee.unseen.fd { tracee.unseen = UnseenReturns(fd: ready.fd) }
    if now - call.entered < Self.instant {
      tracee.unseen.quick += 1
    } else {
      tracee.unseen.slow += 1
      if tracee.unseen.slow > tracee.unseen.quick { tracee.unseen = UnseenReturns(fd: ready.fd) }
    }
    guard tracee.unseen.quick >= Self.unseenReturns else { return }
    tracee.unseen = UnseenReturns()
    let families = Ready.consumers(of: ready.returned).union(.closes)
    // Reads of files are not told otherwise.
    if let kind = world.file(ready.file)?.kind, kind == .file || kind == .device {
      tracee.process.polledFiles.insert(ready.fd)
    }
    if !sight.sees(families, on: ready.fd) { want(families, on: ready.fd, tracee) }
  }

  // MARK: What is armed

  /// The wanted numbers as ranges for the next layer.
  func plannedRanges(_ process: TracedProcess, _ tracee: Tracee) -> [ArmedRange] {
    let sight = world.sight(of: tracee.id)
    var wanted = process.wanted.compactMap { fd, families -> ArmedRange? in
      let missing = families.subtracting(sight.calls(on: fd))
      return missing.isEmpty ? nil : ArmedRange(calls: missing, first: fd, last: fd)
    }
    let channelCalls: CallFamilies = [.reads, .writes, .closes, .messages]
    if process.wantsEverything || process.layers >= Self.mostLayers, !sight.sees(channelCalls, on: FD.max) {
      process.wanted = [:]
      process.wantsEverything = false
      return [ArmedRange(calls: channelCalls, first: 0, last: FD.max)]
    }
    process.wanted = [:]
    process.wantsEverything = false
    // Both in one program would need more room than there may be.
    if wanted.isEmpty, process.wantsWaits {
      process.wantsWaits = false
      return sight.seesWaits ? [] : [ArmedRange(calls: .waits, first: 0, last: 0)]
    }
    if process.layers >= Self.exactLayers { wanted = Self.blocks(wanted) }
    wanted = Self.merged(wanted)
    if wanted.count > SeccompFilter.mostRanges / 2 { wanted = Self.merged(Self.blocks(wanted)) }
    if wanted.count > SeccompFilter.mostRanges / 2 {
      wanted = [ArmedRange(calls: channelCalls, first: Self.standardNumbers.upperBound + 1, last: FD.max)]
    }
    return wanted
  }

  private static func blocks(_ ranges: [ArmedRange]) -> [ArmedRange] {
    ranges.map { range in
      if standardNumbers.contains(range.first) { return range }
      let first = range.first / block * block
      return ArmedRange(
        calls: range.calls, first: max(first, standardNumbers.upperBound + 1), last: first + block - 1)
    }
  }

  /// Neighbours of the same families together.
  private static func merged(_ ranges: [ArmedRange]) -> [ArmedRange] {
    var byStart: [FD: ArmedRange] = [:]
    for range in ranges {
      var known = byStart[range.first] ?? range
      known.calls.formUnion(range.calls)
      known.last = max(known.last, range.last)
      byStart[range.first] = known
    }
    var merged: [ArmedRange] = []
    for range in byStart.values.sorted(by: { $0.first < $1.first }) {
      if let last = merged.last, last.calls == range.calls, last.last + 1 == range.first {
        merged[merged.count - 1].last = range.last
      } else {
        merged.append(range)
      }
    }
    return merged
  }

  /// Falls back on a stop at every call of the process.
  func stopEverywhere(_ tracee: Tracee, _ reason: String) {
    let process = tracee.process
    guard !process.stopsEverywhere else { return }
    process.stopsEverywhere = true
    process.wanted = [:]
    process.wantsEverything = false
    process.wantsWaits = false
    emit(tracee, .armed(.everything, first: 0, last: FD.max))
    say(.slow, reason, tracee)
    for other in tracees.values where other.process === process && other !== tracee && !other.isHeld {
      try? Ptrace.interrupt(other.tid)
    }
  }
}
