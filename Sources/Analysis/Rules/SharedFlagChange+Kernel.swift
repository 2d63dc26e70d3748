// shared-flag-change for what the kernel keeps in the open file of a signalfd (its mask) and a timerfd (its setting): a forked
// process that changes them changes the other's (fs/signalfd.c, do_signalfd4; fs/timerfd.c).
//
// A warning when another process waits on it afterwards; an error when a signal was sent that the other no longer gets, or a timer
// that had fired regularly stopped or changed its pace by more than four times. A harmless change is none: the same mask again.

import Lineage
import Trace

struct SharedKernelState {
  private static let tellings: UInt64 = 2
  private static let pace: UInt64 = 4
  private static let leastSilence: Nanoseconds = 200_000_000

  struct Change {
    var kind: ObjectKind
    var file: UInt32
    var slot: Int32
    var channel: UInt32
    var creator: ThreadID
    var actor: ProcessID
    var thread: ThreadID
    var fd: FD
    var at: Nanoseconds
    var count: UInt64 = 1
    /// Signals that nobody gets by it any more.
    var removed: UInt64 = 0
    var act: Evidence
    /// Who waits on it afterwards.
    var victim: ProcessID?
    var victimThread: ThreadID = .unknown
    var victimFD: FD = -1
    var lastUse: Nanoseconds = 0
    /// A signal that was sent to the victim in vain.
    var lost: Int32 = 0
    var lostEvidence: Evidence?
    /// How often the victim was told of the timer before and after.
    var before: Telling
    var after = Telling()
  }

  struct Telling {
    var process: ProcessID?
    var count: UInt64 = 0
    var first: Nanoseconds = 0
    var last: Nanoseconds = 0

    var interval: Nanoseconds { count > 1 ? last.less(first) / (count - 1) : 0 }
  }

  /// By slot of the open file: its serial, a signalfd's mask, and what waits told of a timerfd.
  private var states: ContiguousArray<(serial: UInt32, mask: UInt64, telling: Telling)> = []
  private var changes: [Change] = []

  @inline(__always)
  var isEmpty: Bool { changes.isEmpty }

  private mutating func seat(_ slot: Int32, _ serial: UInt32) {
    while states.count <= Int(slot) { states.append((0, 0, Telling())) }
    if states[Int(slot)].serial != serial { states[Int(slot)] = (serial, 0, Telling()) }
  }

  /// signalfd(2): a new one, or another mask for an old one.
  mutating func masked(
    _ mask: UInt64, existing: FD, _ result: CallResult, _ event: Event, by thread: ThreadState, arena: Arena,
    world: World, tables: TraceTables
  ) {
    let fd = existing >= 0 ? existing : FD(truncatingIfNeeded: result.rawValue)
    let slot = world.descriptor(fd, of: thread.id).file
    guard slot >= 0, world.files[Int(slot)].kind == .signalfd else { return }
    let serial = world.files[Int(slot)].serial
    seat(slot, serial)
    let former = states[Int(slot)].mask
    states[Int(slot)].mask = mask
    guard existing >= 0, former != mask, former != 0 else { return }
    change(slot, fd, removed: former & ~mask, event, thread, arena: arena, world: world, tables: tables)
  }

  /// timerfd_settime.
  mutating func timerSet(
    _ fd: FD, _ event: Event, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    let slot = world.descriptor(fd, of: thread.id).file
    guard slot >= 0, world.files[Int(slot)].kind == .timerfd else { return }
    seat(slot, world.files[Int(slot)].serial)
    // Whoever sets it anew has what it wants.
    changes.removeAll { $0.slot == slot && $0.victim == thread.process && $0.actor != thread.process }
    change(slot, fd, removed: 0, event, thread, arena: arena, world: world, tables: tables)
  }

  private mutating func change(
    _ slot: Int32, _ fd: FD, removed: UInt64, _ event: Event, _ thread: ThreadState, arena: Arena, world: World,
    tables: TraceTables
  ) {
    // Of a file that it made itself a process may do what it likes.
    guard case .inherited = world.descriptor(fd, of: thread.id).how, world.isShared(slot) else { return }
    let file = world.files[Int(slot)]
    let channel = world.channels[Int(file.channel)]
    if let place = changes.firstIndex(where: { $0.file == file.serial && $0.actor == thread.process }) {
      changes[place].count += 1
      changes[place].removed |= removed
      return
    }
    guard changes.count < 1024 else { return }
    changes.append(
      Change(
        kind: channel.kind, file: file.serial, slot: slot, channel: channel.serial, creator: channel.creator,
        actor: thread.process, thread: thread.id, fd: fd, at: event.time, removed: removed,
        act: world.evidence(event, arena: arena, tables), before: states[Int(slot)].telling))
  }

  /// A wait has returned: what it told of timers, and who goes on waiting.
  mutating func waited(_ event: Event, _ wait: Wait, by thread: ThreadState, arena: Arena, world: World) {
    for ready in world.ready where ready.file >= 0 && world.files[Int(ready.file)].kind == .timerfd {
      told(ready.file, event, thread, world)
    }
    guard !changes.isEmpty else { return }
    for place in changes.indices where changes[place].actor != thread.process {
      guard let fd = number(changes[place].file, wait, thread, arena: arena, world: world) else { continue }
      let isAncestor = world.descends(changes[place].actor, from: thread.process)
      guard changes[place].victim == nil || changes[place].victim == thread.process || isAncestor else { continue }
      changes[place].victim = thread.process
      changes[place].victimThread = thread.id
      changes[place].victimFD = fd
      changes[place].lastUse = event.time
    }
  }

  private mutating func told(_ slot: Int32, _ event: Event, _ thread: ThreadState, _ world: World) {
    seat(slot, world.files[Int(slot)].serial)
    func add(_ telling: inout Telling) {
      if telling.process != thread.process { telling = Telling(process: thread.process, first: event.firstReturn) }
      telling.count += UInt64(event.repeats)
      telling.last = event.exited
    }
    add(&states[Int(slot)].telling)
    for place in changes.indices
    where changes[place].slot == slot && changes[place].file == world.files[Int(slot)].serial
      && changes[place].actor != thread.process
    {
      add(&changes[place].after)
    }
  }

  private func number(
    _ file: UInt32, _ wait: Wait, _ thread: ThreadState, arena: Arena, world: World
  ) -> FD? {
    if wait.isEpoll {
      let instance = world.file(world.descriptor(wait.epoll, of: thread.id).file)
      return instance?.interest.entries.first { $0.serial == file }?.fd
    }
    return arena.waits(wait.entries).first { entry in
      world.file(world.descriptor(entry.fd, of: thread.id).file)?.serial == file
    }?.fd
  }

  /// A signal was sent to a process.
  mutating func sent(_ signal: Int32, to pid: Int32, _ event: Event, arena: Arena, world: World, tables: TraceTables) {
    guard (1...64).contains(signal) else { return }
    for place in changes.indices where changes[place].removed >> UInt64(signal - 1) & 1 == 1 {
      let victims = world.numbers(ofFile: changes[place].slot)
      guard changes[place].lost == 0,
        victims.contains(where: { $0.process != changes[place].actor && world.process($0.process)?.pid == pid })
      else { continue }
      changes[place].lost = signal
      changes[place].lostEvidence = world.evidence(event, arena: arena, tables)
    }
  }

  // MARK: Judging

  func conclude(world: World, tables: TraceTables) -> [Conclusion] {
    changes.compactMap { finding($0, world, tables) }
  }

  private func finding(_ change: Change, _ world: World, _ tables: TraceTables) -> Conclusion? {
    guard let victim = change.victim, change.lastUse > change.at else { return nil }
    let actor = world.party(change.actor, thread: change.thread, execed: false, tables)
    let waiter = world.party(
      victim, thread: change.victimThread,
      execed: (world.process(victim)?.lastExec ?? 0) > world.started(change.actor), tables)
    let noun = ObjectWords.noun(change.kind)
    var harm: String?
    let act: String
    if change.kind == .signalfd {
      act = "changed the mask of"
      if change.lost != 0 {
        harm = ": \(signalName(change.lost)) was then sent to pid \(waiter.pid), which is not told of it any more"
      }
    } else {
      act = "set"
      harm = Self.pace(change, end: world.process(victim)?.ended ?? max(world.now, change.lastUse), waiter)
    }
    var evidence = [change.act]
    if let lost = change.lostEvidence { evidence.append(lost) }
    let finding = Finding(
      rule: .sharedFlagChange, severity: harm == nil ? .warning : .error, confidence: .certain,
      message:
        "\(world.introduce(actor)) \(act) the \(noun) (fd \(change.fd)) that it inherited and that \(waiter.command) (pid \(waiter.pid), fd \(change.victimFD) there) goes on waiting on, first at \(Duration.moment(change.at))\(harm ?? "")",
      actor: actor, victim: waiter,
      object: FindingObject(
        kind: change.kind, id: change.channel, creatorPid: world.process(of: change.creator)?.pid, actorFD: change.fd,
        victimFD: change.victimFD),
      count: change.count, first: change.at, last: max(change.at, change.lastUse), evidence: evidence,
      fix:
        "A \(noun)'s \(change.kind == .signalfd ? "mask" : "setting") belongs to the open file that fork shares: let the child close its copy and make one of its own, and use fork only before such objects exist."
    )
    return Conclusion(finding: finding, channel: change.channel, file: change.file)
  }

  /// What became of a timer that had fired regularly.
  private static func pace(_ change: Change, end: Nanoseconds, _ victim: Party) -> String? {
    let before = change.before
    guard before.process != nil, before.count >= tellings, before.interval > 0 else { return nil }
    let had = "it had fired every \(Duration.text(before.interval)) for pid \(victim.pid)"
    if change.after.count == 0 {
      let silence = change.lastUse.less(change.at)
      guard silence >= max(leastSilence, pace * before.interval) else { return nil }
      return ": \(had), and has not for \(Duration.text(silence))"
    }
    let interval = change.after.interval
    guard change.after.count >= tellings, interval > 0,
      interval >= pace * before.interval || before.interval >= pace * interval
    else { return nil }
    return ": \(had), and now does every \(Duration.text(interval))"
  }
}
