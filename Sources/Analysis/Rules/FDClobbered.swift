// fd-clobbered: the number of a polled descriptor is closed or dup'ed over, and poll or select goes on naming it: the thread then
// waits on another open file than it means, or on none. A poll that sleeps is woken by the old file only, but looks the number up
// anew each time it wakes, for a timeout as well (Linux 6.1, fs/select.c, do_poll and do_pollfd).
//
// A warning where another thread closes or replaces a number during a wait, and the next wait still names it, or where dup2 puts
// an object of another kind under it. An error where the waiter is then told of what is there now, or does not get what its own
// process still writes to the old object. Of an epoll set dup2 over a number removes the entry in silence: an error when
// EPOLL_CTL_MOD then gives ENOENT.
//
// Spared: close, then accept or open by the thread that polls (reuse), unless it turns on the number 512 times (netty's threshold, as
// in busy-poll) without using it; numbers that the next wait does not name; dup2 with an object of the same kind, which is how a connection is renewed; 0, 1 and 2.

import Lineage
import Trace

struct FDClobbered {
  static let spin: UInt64 = 512
  /// A closed number that is named so often was not just not taken out yet.
  private static let mostClosed: UInt64 = 3
  /// A wait that was on when the number was taken away and ended so much later told of the new object.
  private static let racing: Nanoseconds = 10_000_000
  private static let evidenceKept = 3
  private static let mostAccounts = 32

  struct Account {
    var process: ProcessID
    var fd: FD
    /// What was polled.
    var file: UInt32
    var slot: Int32
    var channel: UInt32
    var kind: ObjectKind
    var side: Side
    var creator: ThreadID
    /// Who closed or replaced it.
    var by: ThreadID
    var at: Nanoseconds
    var isReplaced: Bool
    /// Who waits, and that it was inside of a wait.
    var waiter: ThreadID
    var isDuring: Bool
    var isEpoll: Bool
    var act: Evidence
    /// What the number means now.
    var now: ObjectKind?
    var nowSide: Side = .both
    var nowFile: UInt32 = 0
    var nowChannel: UInt32 = 0
    /// Waits that named it afterwards; of these those that returned it ready, or found it closed.
    var named: UInt64 = 0
    var returns: UInt64 = 0
    var closed: UInt64 = 0
    /// Reads and writes of the new object, and writes to the old one.
    var uses: UInt64 = 0
    var lost: UInt64 = 0
    var refused: Int32 = 0
    var last: Nanoseconds
    var evidence: [Evidence] = []
    var isOver = false

    var isOtherKind: Bool { now != nil && (now != kind || nowSide != side) }
    /// The thread that polls closed it itself: mostly to use the number again.
    var isOwn: Bool { !isDuring && !isReplaced }
  }

  private var accounts: [Account] = []
  private var finished: [Account] = []

  @inline(__always)
  var isEmpty: Bool { accounts.isEmpty }

  // MARK: Watching

  /// A call has closed numbers, or given them to other files.
  mutating func released(_ event: Event, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables) {
    var isReplaced = false
    if case .call(_, _, .duplicate) = event.body { isReplaced = true }
    for number in world.released where number.fd > 2 {
      guard let (waiter, isDuring) = waiter(on: number, thread, isReplaced: isReplaced, world: world) else { continue }
      let channel = world.channels[Int(number.channel)]
      drop { $0.process == thread.process && $0.fd == number.fd }
      if accounts.count >= Self.mostAccounts { accounts.removeFirst() }
      accounts.append(
        Account(
          process: thread.process, fd: number.fd, file: number.serial, slot: number.channel, channel: channel.serial,
          kind: number.kind, side: number.side, creator: channel.creator, by: thread.id, at: event.time,
          isReplaced: isReplaced, waiter: waiter, isDuring: isDuring, isEpoll: number.isWatched,
          act: world.evidence(event, arena: arena, tables), last: event.time))
    }
  }

  /// The thread that waits for the number, or did so last.
  private func waiter(
    on number: ReleasedNumber, _ thread: ThreadState, isReplaced: Bool, world: World
  ) -> (ThreadID, isDuring: Bool)? {
    for other in world.threads(of: thread.process) where other != thread.id {
      guard case .wait(let wait)? = world.openCall(of: other)?.operation, !wait.isEpoll,
        world.openWaits(of: other).contains(where: { $0.fd == number.fd })
      else { continue }
      return (other, true)
    }
    if number.isWatched { return isReplaced && number.isLast ? (thread.id, false) : nil }
    guard let use = number.use, use.waits > 0, let last = world.lastWait(of: use.lastWaiter),
      case .wait(let wait) = last.operation, !wait.isEpoll,
      use.lastWait >= last.since, use.lastWaiter == thread.id || isReplaced
    else { return nil }
    return (use.lastWaiter, false)
  }

  /// A thread has waited on numbers.
  mutating func waited(
    _ event: Event, _ wait: Wait, _ result: CallResult, by thread: ThreadState, arena: Arena, world: World,
    tables: TraceTables
  ) {
    for place in accounts.indices where accounts[place].waiter == thread.id && !accounts[place].isEpoll {
      let entry = arena.waits(wait.entries).first { $0.fd == accounts[place].fd }
      let isLater = event.entered >= accounts[place].at
      guard let entry else {
        if isLater { accounts[place].isOver = true }
        continue
      }
      if !isLater, entry.returned.isEmpty || event.exited < accounts[place].at + Self.racing { continue }
      named(place, entry, event, result, thread, arena: arena, world: world, tables: tables)
    }
    retire()
  }

  private mutating func named(
    _ place: Int, _ entry: WaitEntry, _ event: Event, _ result: CallResult, _ thread: ThreadState, arena: Arena,
    world: World, tables: TraceTables
  ) {
    let times = UInt64(event.repeats)
    let descriptor = world.descriptor(entry.fd, of: thread.id)
    if let file = world.file(descriptor.file) {
      // What accept gave was asked for.
      if isAccepted(descriptor, file) || file.serial == accounts[place].file {
        accounts[place].isOver = true
        return
      }
      accounts[place].now = file.kind
      accounts[place].nowSide = file.side
      accounts[place].nowFile = file.serial
      accounts[place].nowChannel = world.channel(file.channel)?.serial ?? 0
      if !entry.returned.isEmpty { accounts[place].returns += times }
    } else if entry.returned.contains(.invalid) || result.errno == 9 {
      accounts[place].closed += times
    }
    accounts[place].named += times
    accounts[place].last = event.exited
    if accounts[place].evidence.count < Self.evidenceKept {
      accounts[place].evidence.append(world.evidence(event, arena: arena, tables))
    }
  }

  /// Sockets that came by calls that were not stopped at may have been accepted.
  private func isAccepted(_ descriptor: Descriptor, _ file: OpenFile) -> Bool {
    switch descriptor.how {
    case .accepted: true
    case .created, .duplicated, .opened: false
    default: file.kind == .socket
    }
  }

  /// Bytes were asked for or given, by whichever number.
  mutating func used(
    _ event: Event, _ transfer: Transfer, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    let effect = world.effect
    for place in accounts.indices where accounts[place].process == thread.process {
      if transfer.fd == accounts[place].fd, event.entered >= accounts[place].at {
        if accounts[place].isOwn { accounts[place].isOver = true }
        if accounts[place].returns > 0, accounts[place].waiter == thread.id {
          accounts[place].uses += UInt64(event.repeats)
          note(place, event, arena: arena, world: world, tables: tables)
        }
      } else if effect.channel == accounts[place].slot, effect.channel >= 0, transfer.direction == .output,
        world.channels[Int(effect.channel)].serial == accounts[place].channel,
        world.readingNumber(of: effect.channel, at: accounts[place].side, in: thread.process) == nil
      {
        accounts[place].lost += UInt64(event.repeats)
        accounts[place].last = event.exited
        note(place, event, arena: arena, world: world, tables: tables)
      }
    }
    retire()
  }

  private mutating func note(_ place: Int, _ event: Event, arena: Arena, world: World, tables: TraceTables) {
    if accounts[place].evidence.count <= Self.evidenceKept {
      accounts[place].evidence.append(world.evidence(event, arena: arena, tables))
    }
  }

  /// epoll_ctl of a number whose entry went with the dup.
  mutating func controlled(
    _ event: Event, _ result: CallResult, _ op: Int32, _ fd: FD, by thread: ThreadState, arena: Arena, world: World,
    tables: TraceTables
  ) {
    for place in accounts.indices
    where accounts[place].isEpoll && accounts[place].fd == fd && accounts[place].process == thread.process {
      if op == 3, result.errno == 2 {
        accounts[place].refused = result.errno
        accounts[place].last = event.exited
        note(place, event, arena: arena, world: world, tables: tables)
      } else if op == 1 || op == 2 {
        // It knows, or does not want to.
        accounts[place].refused = 0
        accounts[place].isOver = true
      }
    }
    retire()
  }

  private mutating func retire() {
    guard accounts.contains(where: \.isOver) else { return }
    drop(where: \.isOver)
  }

  private mutating func drop(where matches: (Account) -> Bool) {
    for account in accounts where matches(account) && severity(account, waits: nil) != nil { finished.append(account) }
    accounts.removeAll(where: matches)
  }

  // MARK: Judging

  /// How bad it is; nil for what is nothing. `waits`: of who never came back from the wait, whether something came meanwhile.
  private func severity(_ account: Account, waits: Bool?) -> Severity? {
    if account.isEpoll { return account.refused != 0 ? .error : nil }
    if account.named == 0 {
      guard account.isDuring, account.isReplaced, let waits else { return nil }
      return waits ? .error : .warning
    }
    let spins = account.uses == 0 && account.returns >= Self.spin
    if account.isOwn { return spins && account.isOtherKind ? .error : nil }
    if account.now == nil {
      guard account.isDuring, account.closed >= Self.mostClosed else { return nil }
      return account.closed >= Self.spin ? .error : .warning
    }
    if account.lost > 0 { return .error }
    // The same kind of object, but not one that the waiter was given: it is told of it again and again, and never uses it.
    if account.isDuring, !account.isReplaced, account.uses == 0, account.returns >= Self.mostClosed { return .error }
    guard account.isOtherKind else { return nil }
    return account.returns > 0 ? .error : .warning
  }

  mutating func conclude(world: World, tables: TraceTables) -> [Conclusion] {
    var conclusions: [Conclusion] = []
    for account in finished + accounts {
      guard let severity = severity(account, waits: stillWaits(account, world)) else { continue }
      conclusions.append(finding(account, severity, world: world, tables: tables))
    }
    return conclusions
  }

  /// Whether the waiter is in the wait still that it was in then, and if so, whether there is something in the new object.
  private func stillWaits(_ account: Account, _ world: World) -> Bool? {
    guard let call = world.openCall(of: account.waiter), call.since < account.at else { return nil }
    guard let file = world.file(world.descriptor(account.fd, of: account.waiter).file),
      let channel = world.channel(file.channel)
    else { return false }
    return channel.incoming(at: file.side).unread > 0
  }
}
