// shared-flag-change: a process sets or clears O_NONBLOCK (F_SETFL, FIONBIO) on an open file that another process has, too, by fork
// or through exec. The flag belongs to the open file (fcntl(2)), so that the other one gets EAGAIN where it blocked before, or
// blocks where it never did.
//
// An error, since the EAGAIN (or a call that blocked for 100 ms) is part of the definition. Signals and timers that are shared in
// this way are told of in SharedFlagChange+Kernel.
//
// Spared: who has set the flag itself, or was forked by who did and has not called exec since; calls that asked not to block
// (MSG_DONTWAIT) or ended by a socket's timeout; programs that wait for the descriptor and go on, once they got EAGAIN.

import Lineage
import Trace

struct SharedFlagChange {
  /// A call that ended with EAGAIN after so long had blocked, by SO_RCVTIMEO.
  private static let instant: Nanoseconds = 20_000_000
  /// A call that took longer than this had blocked.
  private static let blocking: Nanoseconds = 100_000_000
  private static let evidenceKept = 3

  /// What was done to an open file's flag, by slot in `World.files`.
  struct Flag {
    var serial: UInt32
    var changer: ProcessID
    var thread: ThreadID
    var fd: FD
    var isOn: Bool
    var at: Nanoseconds
    var changerExeced: Bool
    var act: Evidence
    /// Who has asked for O_NONBLOCK.
    var setters: [ProcessID]
  }

  /// What another process suffered from it.
  struct Suffering {
    var flag: Flag
    var file: UInt32
    var channel: UInt32
    var kind: ObjectKind
    var creator: ThreadID
    var victim: ProcessID
    var thread: ThreadID
    var fd: FD
    var isWrite: Bool
    var execed: Bool
    var count: UInt64 = 0
    var first: Nanoseconds
    var last: Nanoseconds
    var blocked: Nanoseconds = 0
    /// It waited for the descriptor afterwards, and went on.
    var isHandled = false
    var evidence: [Evidence] = []
  }

  private var flags: ContiguousArray<Flag?> = []
  private var hasFlags = false
  /// Whether any flag was cleared by somebody else than who had set it.
  private(set) var hasCleared = false
  private var sufferings: [Suffering] = []
  var kernel = SharedKernelState()

  // MARK: Watching

  mutating func set(
    _ fd: FD, _ isOn: Bool, _ event: Event, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    let slot = world.descriptor(fd, of: thread.id).file
    guard slot >= 0, world.files[Int(slot)].channel >= 0 else { return }
    let place = Int(slot)
    let serial = world.files[place].serial
    let known = place < flags.count && flags[place]?.serial == serial
    // A file of one's own is nobody else's, unless children get it by exec under the numbers that all programs know.
    guard known || fd <= 2 || world.isShared(slot) else { return }
    while flags.count <= place { flags.append(nil) }
    hasFlags = true
    var setters = known ? flags[place]!.setters : []
    let isChange = world.formerNonblocking != isOn
    if isOn, !setters.contains(thread.process), setters.count < 64 { setters.append(thread.process) }
    if known, !isChange {
      flags[place]!.setters = setters
      return
    }
    // It was on when they got it, or since they set it for themselves.
    if !isOn, isChange, !known {
      setters = world.numbers(ofFile: slot).map(\.process).filter { $0 != thread.process }
    }
    if !isOn, setters.contains(where: { $0 != thread.process }) { hasCleared = true }
    flags[place] = Flag(
      serial: serial, changer: thread.process, thread: thread.id, fd: fd, isOn: isOn, at: event.time,
      changerExeced: world.hasExeced(thread.process), act: world.evidence(event, arena: arena, tables),
      setters: setters)
    // A flag that was on before was set by who made the file, or unseen.
    if !isChange, isOn { flags[place]!.isOn = false }
  }

  /// A call has come away with EAGAIN.
  mutating func cameAway(
    _ event: Event, _ operation: Operation, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    guard hasFlags, let flag = flag(of: world.effect.file, world), flag.isOn, flag.changer != thread.process,
      world.files[Int(world.effect.file)].nonblocking, event.meanTime < Self.instant,
      !flag.setters.contains(thread.process), !knows(thread.process, flag, world)
    else { return }
    var isWrite = false
    if case .transfer(let transfer) = operation {
      // MSG_DONTWAIT
      if transfer.flags & 0x40 != 0 { return }
      isWrite = transfer.direction == .output
    }
    suffered(event, flag, isWrite, by: thread, arena: arena, world: world, tables: tables)
  }

  /// A call has returned from a file whose O_NONBLOCK somebody else has cleared.
  mutating func blocked(
    _ event: Event, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    guard event.timeInside >= Self.blocking, event.repeats == 1, world.effect.file >= 0,
      let flag = flag(of: world.effect.file, world), !flag.isOn, flag.changer != thread.process,
      event.entered >= flag.at, flag.setters.contains(thread.process)
    else { return }
    suffered(
      event, flag, world.effect.kind == .write, by: thread, arena: arena, world: world, tables: tables,
      blocked: event.timeInside)
  }

  private func flag(of slot: Int32, _ world: World) -> Flag? {
    guard slot >= 0, Int(slot) < flags.count, let flag = flags[Int(slot)],
      flag.serial == world.files[Int(slot)].serial
    else { return nil }
    return flag
  }

  /// Whether the process is the changer's own program, forked after the change.
  private func knows(_ process: ProcessID, _ flag: Flag, _ world: World) -> Bool {
    world.started(process) >= flag.at && world.isHeir(process) && world.descends(process, from: flag.changer)
  }

  private mutating func suffered(
    _ event: Event, _ flag: Flag, _ isWrite: Bool, by thread: ThreadState, arena: Arena, world: World,
    tables: TraceTables, blocked: Nanoseconds = 0
  ) {
    let file = world.files[Int(world.effect.file)]
    var place = sufferings.firstIndex {
      $0.file == file.serial && $0.victim == thread.process && $0.flag.at == flag.at
    }
    if place == nil {
      let channel = world.channels[Int(file.channel)]
      sufferings.append(
        Suffering(
          flag: flag, file: file.serial, channel: channel.serial, kind: channel.kind, creator: channel.creator,
          victim: thread.process, thread: thread.id, fd: world.effect.fd, isWrite: isWrite,
          execed: world.hasExeced(thread.process), first: event.firstReturn, last: event.exited))
      place = sufferings.count - 1
    }
    sufferings[place!].count += UInt64(event.repeats)
    sufferings[place!].last = event.exited
    sufferings[place!].blocked = max(sufferings[place!].blocked, blocked)
    if sufferings[place!].evidence.count < Self.evidenceKept {
      sufferings[place!].evidence.append(world.evidence(event, arena: arena, tables))
    }
  }

  /// A wait has begun or returned: who waits for the descriptor after EAGAIN knows what it is.
  @inline(__always)
  mutating func waited(_ wait: Wait, by thread: ThreadState, arena: Arena, world: World) {
    if !sufferings.isEmpty { handle(wait, by: thread, arena: arena, world: world) }
  }

  private mutating func handle(_ wait: Wait, by thread: ThreadState, arena: Arena, world: World) {
    for place in sufferings.indices where sufferings[place].victim == thread.process && !sufferings[place].isHandled {
      let serial = sufferings[place].file
      if wait.isEpoll {
        guard let instance = world.file(world.descriptor(wait.epoll, of: thread.id).file) else { continue }
        if instance.interest.entries.contains(where: { $0.serial == serial }) { sufferings[place].isHandled = true }
      } else if arena.waits(wait.entries).contains(where: {
        world.file(world.descriptor($0.fd, of: thread.id).file)?.serial == serial
      }) {
        sufferings[place].isHandled = true
      }
    }
  }

  // MARK: Judging

  func conclude(world: World, tables: TraceTables) -> [Conclusion] {
    sufferings.filter { !$0.isHandled || $0.blocked > 0 }.map { finding($0, world, tables) }
      + kernel.conclude(world: world, tables: tables)
  }

  private func finding(_ suffering: Suffering, _ world: World, _ tables: TraceTables) -> Conclusion {
    let flag = suffering.flag
    let actor = world.party(flag.changer, thread: flag.thread, execed: flag.changerExeced, tables)
    let victim = world.party(suffering.victim, thread: suffering.thread, execed: suffering.execed, tables)
    let noun = ObjectWords.noun(suffering.kind)
    let call = suffering.isWrite ? "writes" : "reads"
    let harm =
      suffering.blocked > 0
      ? "\(world.introduce(victim)), which had set it, then blocked in fd \(suffering.fd) for \(Duration.text(suffering.blocked))"
      : "\(world.introduce(victim)) then got EAGAIN \(counted(suffering.count, "time")) from \(call) of fd \(suffering.fd), first at \(Duration.moment(suffering.first))"
    let finding = Finding(
      rule: .sharedFlagChange, severity: .error, confidence: .certain,
      message:
        "\(world.introduce(actor)) \(flag.isOn ? "set" : "cleared") O_NONBLOCK on fd \(flag.fd) (\(noun)) at \(Duration.moment(flag.at)), which is one open file with fd \(suffering.fd) of pid \(victim.pid): \(harm)",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: suffering.kind, id: suffering.channel, creatorPid: world.process(of: suffering.creator)?.pid,
        actorFD: flag.fd, victimFD: suffering.fd),
      count: suffering.count, first: flag.at, last: suffering.last, evidence: [flag.act] + suffering.evidence,
      fix: Fixes.sharedFlag(isOn: flag.isOn))
    return Conclusion(finding: finding, channel: suffering.channel, file: suffering.file)
  }
}

extension Fixes {
  static func sharedFlag(isOn: Bool) -> String {
    isOn
      ? "O_NONBLOCK belongs to the open file, not to the descriptor: do not set it on what other processes use. Open it anew (/dev/tty, /proc/self/fd/N), put a pipe between, use MSG_DONTWAIT or RWF_NOWAIT per call, or set it back before leaving. The reader that gets EAGAIN should poll and try again."
      : "O_NONBLOCK belongs to the open file, not to the descriptor: do not clear it on what another process's loop uses; give the child an open file of its own."
  }
}
