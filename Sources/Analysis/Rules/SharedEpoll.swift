// shared-epoll: a forked child that has not called exec changes or waits on the epoll instance that it inherited, while an
// ancestor goes on waiting on it. There is one interest list and one ready list (epoll(7), Q6; fs/eventpoll.c): what the child
// removes is removed for the parent, and what it takes is taken.
//
// A note, until harm is seen: the parent waits on and is not told of what waits in a descriptor that the child took out; it is
// told of a descriptor that only the child has; its own epoll_ctl fails; or the child reads what the parent was to be told of.
//
// Spared: a parent that waits no more (daemons), children that only close their copy, siblings with equal rights, programs
// that have been exec'd.

import Lineage
import Trace

struct SharedEpoll {
  private static let evidenceKept = 4
  /// A wait that was entered before something was there and went on for so long would have told of it.
  private static let telling: Nanoseconds = 5_000_000

  /// An entry of the parent's that the child took out, changed, or was told of in the parent's place.
  struct Loss {
    enum How { case removed, changed, taken }

    var how: How
    var fd: FD
    var file: Int32
    var serial: UInt32
    /// Slot and serial of the channel.
    var slot: Int32
    var channel: UInt32
    var side: Side
    var kind: ObjectKind
    var at: Nanoseconds
    /// Since when something waits there.
    var pending: Nanoseconds?
    var bytes: UInt64 = 0
  }

  /// What the parent suffered.
  enum Harm {
    case deaf(Loss, since: Nanoseconds)
    case stranger(fd: FD, kind: ObjectKind)
    case refused(op: Int32, fd: FD, errno: Int32)
    case robbed(kind: ObjectKind)
  }

  struct Account {
    var actor: ProcessID
    var thread: ThreadID
    var fd: FD
    var removals: UInt64 = 0
    var changes: UInt64 = 0
    var waits: UInt64 = 0
    var first: Nanoseconds
    var last: Nanoseconds
    var evidence: [Evidence] = []
    var harmEvidence: Evidence?
    /// The ancestor that waits on the instance after the act, by which thread and number.
    var owner: ProcessID?
    var ownerThread: ThreadID = .unknown
    var ownerFD: FD = -1
    var losses: [Loss] = []
    var harm: Harm?
    /// Channels of which the child was told, or which it took out.
    var touched: [UInt32] = []
  }

  private var accounts = ChannelAccounts<Account>()
  /// By a channel's slot: the slot of the epoll instance that it was taken out of, plus one.
  private var muted: ContiguousArray<Int32> = []
  /// Slots of the epoll instances that have accounts.
  private var instances: [Int32] = []
  private var judged: [(account: Account, epoll: Channel)] = []

  // MARK: Watching

  /// epoll_ctl, at whatever phase it took effect.
  mutating func controlled(
    _ event: Event, _ result: CallResult, _ op: Int32, _ epoll: FD, _ fd: FD, by thread: ThreadState, arena: Arena,
    world: World, tables: TraceTables
  ) {
    let instance = world.descriptor(epoll, of: thread.id)
    guard instance.file >= 0 else { return }
    let slot = world.files[Int(instance.file)].channel
    guard slot >= 0 else { return }
    if let change = world.interestChange {
      if instance.how == .inherited || instance.how == .existed, world.isForeign(slot, to: thread.process) {
        changed(change, event, slot, epoll, thread, arena: arena, world: world, tables: tables)
      }
      // Whoever asks for the entry again, or gives it up, misses nothing.
      guard accounts.has(slot), let entry = change.entry ?? change.former else { return }
      accounts.changeAll(slot) { account in
        guard account.actor != thread.process else { return }
        account.losses.removeAll { $0.fd == entry.fd && $0.serial == entry.serial }
      }
    } else if result.failed, event.phase != .begin, accounts.has(slot) {
      refused(event, result, op, fd, slot, thread, arena: arena, world: world, tables: tables)
    }
  }

  private mutating func changed(
    _ change: InterestChange, _ event: Event, _ slot: Int32, _ epoll: FD, _ thread: ThreadState, arena: Arena,
    world: World, tables: TraceTables
  ) {
    open(slot, event, epoll, thread, world: world)
    let loss = loss(by: change, at: event.time, actor: thread.process, world: world)
    accounts.change(slot, thread.process) { account in
      account.last = event.time
      if change.entry == nil { account.removals += 1 } else { account.changes += 1 }
      if account.evidence.count < Self.evidenceKept {
        account.evidence.append(world.evidence(event, arena: arena, tables))
      }
      guard let loss else { return }
      account.losses.append(loss)
      account.touched.append(loss.channel)
    }
    if let loss { mute(loss.slot, slot) }
  }

  /// What the change takes from who made the entry.
  private func loss(by change: InterestChange, at time: Nanoseconds, actor: ProcessID, world: World) -> Loss? {
    guard let former = change.former, world.processID(of: former.by) != actor,
      world.files[Int(former.file)].serial == former.serial
    else { return nil }
    let asked: Readiness = [.input, .output]
    if let entry = change.entry, entry.events.intersection(asked).isSuperset(of: former.events.intersection(asked)) {
      return nil
    }
    return loss(change.entry == nil ? .removed : .changed, former.fd, former.file, at: time, world: world)
  }

  private func loss(_ how: Loss.How, _ fd: FD, _ file: Int32, at time: Nanoseconds, world: World) -> Loss? {
    let target = world.files[Int(file)]
    guard let channel = world.channel(target.channel) else { return nil }
    let waits = channel.incoming(at: target.side).unread > 0 || channel.hungUp != nil
    return Loss(
      how: how, fd: fd, file: file, serial: target.serial, slot: target.channel, channel: channel.serial,
      side: target.side, kind: channel.kind, at: time, pending: waits ? time : nil,
      bytes: channel.incoming(at: target.side).unread)
  }

  private mutating func mute(_ channel: Int32, _ epoll: Int32) {
    while muted.count <= Int(channel) { muted.append(0) }
    muted[Int(channel)] = epoll + 1
  }

  private mutating func open(_ slot: Int32, _ event: Event, _ epoll: FD, _ thread: ThreadState, world: World) {
    guard !accounts.has(slot, thread.process) else { return }
    if !accounts.has(slot) { instances.append(slot) }
    var account = Account(
      actor: thread.process, thread: thread.id, fd: epoll, first: event.entered, last: event.time)
    if let waiter = waiter(on: slot, aboveOf: thread.process, world: world) {
      account.owner = waiter.process
      account.ownerThread = waiter.thread
      account.ownerFD = waiter.fd
    }
    accounts.open(slot, thread.process, account)
  }

  /// An ancestor that is inside of a wait on the instance.
  private func waiter(
    on slot: Int32, aboveOf process: ProcessID, world: World
  ) -> (process: ProcessID, thread: ThreadID, fd: FD)? {
    var ancestor = world.parent(of: process)
    while let current = ancestor {
      for thread in world.threads(of: current) {
        guard case .wait(let wait)? = world.openCall(of: thread)?.operation, wait.isEpoll,
          let file = world.file(world.descriptor(wait.epoll, of: thread).file), file.channel == slot
        else { continue }
        return (current, thread, wait.epoll)
      }
      ancestor = world.parent(of: current)
    }
    return nil
  }

  /// epoll_wait, at its begin and its return.
  mutating func waited(
    _ event: Event, _ wait: Wait, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    let instance = world.descriptor(wait.epoll, of: thread.id)
    guard instance.file >= 0 else { return }
    let slot = world.files[Int(instance.file)].channel
    guard slot >= 0 else { return }
    if instance.how == .inherited || instance.how == .existed, world.isForeign(slot, to: thread.process) {
      childWaited(event, slot, wait, thread, arena: arena, world: world, tables: tables)
    }
    guard accounts.has(slot) else { return }
    let ended = event.phase != .begin
    accounts.changeAll(slot) { account in
      guard world.descends(account.actor, from: thread.process) else { return }
      account.owner = thread.process
      account.ownerThread = thread.id
      account.ownerFD = wait.epoll
      if ended, account.harm == nil { Self.compare(&account, event, wait, thread, arena, world, tables) }
    }
  }

  private mutating func childWaited(
    _ event: Event, _ slot: Int32, _ wait: Wait, _ thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    open(slot, event, wait.epoll, thread, world: world)
    var taken: [Loss] = []
    var told: [UInt32] = []
    if event.phase != .begin {
      for ready in world.ready where ready.channel >= 0 {
        told.append(world.channels[Int(ready.channel)].serial)
        guard ready.isEdge, ready.returned.contains(.input), !ready.isGhost,
          let loss = loss(.taken, ready.fd, ready.file, at: event.time, world: world), loss.pending != nil
        else { continue }
        taken.append(loss)
      }
    }
    accounts.change(slot, thread.process) { account in
      account.last = event.time
      if event.phase != .end { account.waits += UInt64(event.repeats) }
      if account.evidence.count < Self.evidenceKept, event.phase != .begin {
        account.evidence.append(world.evidence(event, arena: arena, tables))
      }
      for channel in told where !account.touched.contains(channel) { account.touched.append(channel) }
      for loss in taken {
        account.losses.removeAll { $0.how == .taken && $0.serial == loss.serial }
        account.losses.append(loss)
      }
    }
    for loss in taken { mute(loss.slot, slot) }
  }

  /// The owner's wait has returned: what should it have told?
  private static func compare(
    _ account: inout Account, _ event: Event, _ wait: Wait, _ thread: ThreadState, _ arena: Arena, _ world: World,
    _ tables: TraceTables
  ) {
    for ready in world.ready {
      account.losses.removeAll { $0.slot == ready.channel && ready.returned.contains(.input) }
      // What the child added, and the owner has not.
      guard ready.isGhost, ready.file >= 0,
        let entry = world.files[Int(world.effect.file)].interest.entry(
          fd: ready.fd, serial: world.files[Int(ready.file)].serial),
        world.processID(of: entry.by) == account.actor
      else { continue }
      account.harm = .stranger(fd: ready.fd, kind: world.files[Int(ready.file)].kind)
      if ready.channel >= 0 { account.touched.append(world.channels[Int(ready.channel)].serial) }
      account.harmEvidence = world.evidence(event, arena: arena, tables)
      return
    }
    if wait.capacity > 0, world.ready.count >= Int(wait.capacity) { return }
    for loss in account.losses {
      guard let since = since(loss, of: thread.id, world),
        event.entered >= since || event.exited >= since + telling
      else { continue }
      account.harm = .deaf(loss, since: since)
      account.harmEvidence = world.evidence(event, arena: arena, tables)
      return
    }
  }

  /// Since when something waits in what the thread's process still has and asked for.
  private static func since(_ loss: Loss, of thread: ThreadID, _ world: World) -> Nanoseconds? {
    let current = world.descriptor(loss.fd, of: thread).file
    guard current == loss.file, world.files[Int(current)].serial == loss.serial,
      let channel = world.channel(loss.slot), channel.serial == loss.channel, !channel.hasUnseenReads
    else { return nil }
    if let pending = loss.pending { return pending }
    return channel.hungUp.map { max($0.time, loss.at) }
  }

  @inline(__always)
  func concerns(_ channel: Int32) -> Bool { channel >= 0 && Int(channel) < muted.count && muted[Int(channel)] != 0 }

  /// Something went into, or was taken from, a channel that was taken out of the list.
  mutating func moved(_ channel: Int32, at time: Nanoseconds, world: World) {
    accounts.changeAll(muted[Int(channel)] - 1) { account in
      for place in account.losses.indices where account.losses[place].slot == channel {
        let unread = world.channels[Int(channel)].incoming(at: account.losses[place].side).unread
        account.losses[place].bytes = unread
        if unread == 0 {
          account.losses[place].pending = nil
        } else if account.losses[place].pending == nil {
          account.losses[place].pending = time
        }
      }
    }
  }

  /// The kernel says that something waits in a socket.
  mutating func found(_ descriptor: ExistingDescriptor, by thread: ThreadID, at time: Nanoseconds, world: World) {
    let slot = world.descriptor(descriptor.fd, of: thread).file
    guard descriptor.waiting > 0, slot >= 0, concerns(world.files[Int(slot)].channel) else { return }
    let isWaiting = world.openCall(of: thread).map { $0.since + 4 * Self.telling < time } ?? false
    accounts.changeAll(muted[Int(world.files[Int(slot)].channel)] - 1) { account in
      for place in account.losses.indices where account.losses[place].file == slot {
        account.losses[place].bytes = descriptor.waiting
        if account.losses[place].pending == nil { account.losses[place].pending = time }
        // The thread ends, after a long wait.
        if isWaiting, account.harm == nil, account.ownerThread == thread {
          account.harm = .deaf(account.losses[place], since: time)
        }
      }
    }
  }

  /// The owner asked for an entry that the child had removed, or added.
  private mutating func refused(
    _ event: Event, _ result: CallResult, _ op: Int32, _ fd: FD, _ slot: Int32, _ thread: ThreadState, arena: Arena,
    world: World, tables: TraceTables
  ) {
    let file = world.descriptor(fd, of: thread.id).file
    guard file >= 0 else { return }
    let serial = world.files[Int(file)].serial
    accounts.changeAll(slot) { account in
      guard world.descends(account.actor, from: thread.process) else { return }
      let isLost = account.losses.contains { $0.how == .removed && $0.fd == fd && $0.serial == serial }
      let isModified = op == 3 && result.errno == 2 && isLost
      let isAdded = op == 1 && result.errno == 17 && Self.isAdded(fd, serial, slot, by: account.actor, world)
      // Who gives it up misses nothing any more.
      if op == 2 { account.losses.removeAll { $0.fd == fd && $0.serial == serial } }
      guard isModified || isAdded, account.harm == nil else { return }
      account.owner = thread.process
      account.ownerThread = thread.id
      account.harm = .refused(op: op, fd: fd, errno: result.errno)
      account.harmEvidence = world.evidence(event, arena: arena, tables)
    }
  }

  private static func isAdded(_ fd: FD, _ serial: UInt32, _ slot: Int32, by actor: ProcessID, _ world: World) -> Bool {
    world.files.contains { file in
      file.channel == slot && file.kind == .epoll
        && file.interest.entry(fd: fd, serial: serial).map { world.processID(of: $0.by) == actor } ?? false
    }
  }

  // MARK: Judging

  /// A thread ended inside of a wait.
  mutating func abandoned(_ call: AbandonedCall, world: World) {
    for slot in instances where [.epollWait, .epollPwait, .epollPwait2].contains(call.syscall) {
      accounts.changeAll(slot) { account in
        guard account.ownerThread == call.thread else { return }
        Self.outwait(&account, until: world.now, world)
      }
    }
  }

  /// The owner waited to the end.
  private static func outwait(_ account: inout Account, until end: Nanoseconds, _ world: World) {
    guard account.harm == nil else { return }
    for loss in account.losses {
      guard let pending = loss.pending, end >= pending + 4 * telling else { continue }
      account.harm = .deaf(loss, since: pending)
      return
    }
  }

  mutating func judge(_ channel: Channel) {
    if accounts.has(channel.slot) {
      for entry in accounts.close(channel.slot) { judged.append((entry.account, channel)) }
      instances.removeAll { $0 == channel.slot }
    }
    if concerns(channel.slot) { muted[Int(channel.slot)] = 0 }
  }

  /// `thefts`: what else was found of reads.
  mutating func conclude(
    world: World, tables: TraceTables, origins: Origins, thefts: [Conclusion]
  ) -> [Conclusion] {
    for slot in instances {
      let channel = world.channels[Int(slot)]
      for entry in accounts.close(slot) {
        var account = entry.account
        if case .wait? = world.openCall(of: account.ownerThread)?.operation {
          Self.outwait(&account, until: world.now, world)
        }
        judged.append((account, channel))
      }
    }
    return judged.compactMap { finding($0.account, $0.epoll, world, tables, origins, thefts) }
  }
}
