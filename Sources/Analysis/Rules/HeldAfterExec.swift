// held-after-exec: a descriptor is kept through exec by a program that knows nothing of it, and somebody else suffers by that.
//
// Stated once harm follows: bind(2) fails with EADDRINUSE, and all who still have the socket that has the address got it through an exec
// and have never waited on it or accepted by it (`error`); a lock (flock(2)) blocks another for a second or more though who took it is
// gone (`error`); an end of a pipe does not come (`note`: eof-never-comes tells of the harm, and names this as its cause).
//
// Spared: listeners that are handed over (LISTEN_FDS, inetd: the program uses them), 0, 1 and 2, files that exist (AF_UNIX paths), and
// locks whose taker lives, `(flock 9; command) 9>file`.

import Lineage
import Trace

struct HeldAfterExec {
  private static let mostKept = 64
  private static let shortest: Nanoseconds = 1_000_000_000

  private var judged: [Conclusion] = []
  /// Threads that sleep in flock.
  private var lockers: [ThreadID: (fd: FD, since: Nanoseconds, evidence: Evidence)] = [:]

  /// Bind was refused since somebody has the address.
  mutating func refused(
    _ event: Event, _ fd: FD, _ address: StringID, arena: Arena, world: World, tables: TraceTables, origins: Origins
  ) {
    guard judged.count < Self.mostKept, let victim = world.processID(of: event.thread) else { return }
    let wanted = tables.text(address)
    // The file of a socket may be there though nobody has it.
    guard !wanted.hasPrefix("unix:") || wanted.hasPrefix("unix:@") else { return }
    for (slot, file) in world.files.enumerated()
    where file.kind == .socket && file.channel >= 0 && file.address != .empty
      && Self.conflict(tables.text(file.address), wanted)
    {
      guard let channel = world.channel(file.channel) else { continue }
      let holders = world.holders(of: file.channel)
      guard let holder = holders.first,
        holders.allSatisfy({ keptThroughExec($0, slot: Int32(slot), channel, world: world) })
      else { continue }
      let actor = world.party(holder.process, thread: nil, execed: true, tables)
      let party = world.party(victim, thread: event.thread, execed: world.hasExeced(victim), tables)
      let isOwn = holder.process == victim
      let maker = world.process(of: channel.creator)?.pid ?? 0
      judged.append(
        Conclusion(
          finding: Finding(
            rule: .heldAfterExec, severity: .error, confidence: .likely,
            message: isOwn
              ? "\(party.command) (pid \(party.pid)) cannot bind \(EventText.harmless(wanted)) at \(Duration.moment(event.time)): it still has the socket with that address as fd \(holder.fd), from before its exec"
              : "\(party.command) (pid \(party.pid)) cannot bind \(EventText.harmless(wanted)) at \(Duration.moment(event.time)): \(world.introduce(actor)) kept the socket that pid \(maker) had bound to it through exec, as fd \(holder.fd), and has never used it\(holders.count > 1 ? " (\(holders.count) descriptors in all)" : "")",
            actor: actor, victim: party,
            object: FindingObject(
              kind: .socket, id: channel.serial, creatorPid: maker, actorFD: holder.fd, victimFD: fd),
            count: UInt64(event.repeats), first: event.entered, last: event.exited,
            evidence: origins.fork(of: holder.process, world: world, tables: tables) + [
              world.evidence(event, arena: arena, tables)
            ],
            fix: Fixes.heldAfterExec(kind: .socket)),
          channel: channel.serial, file: file.serial))
      return
    }
  }

  /// Same port, and hosts that exclude each other.
  private static func conflict(_ one: String, _ other: String) -> Bool {
    if one == other { return !one.hasSuffix(":0") }
    guard let first = one.lastIndex(of: ":"), let second = other.lastIndex(of: ":"), !one.hasPrefix("unix:"),
      one[first...] == other[second...], one[first...] != ":0"
    else { return false }
    let everywhere: Set<Substring> = ["0.0.0.0", "[::]"]
    return everywhere.contains(one[..<first]) || everywhere.contains(other[..<second])
  }

  private func keptThroughExec(_ holder: Holder, slot: Int32, _ channel: Channel, world: World) -> Bool {
    guard holder.fd > 2, let table = world.table(of: holder.process), table[holder.fd].file == slot,
      let exec = world.process(holder.process)?.lastExec, exec > table[holder.fd].since
    else { return false }
    if let use = channel.use(by: holder.process), use.lastWait > exec || use.waits > 0 && use.firstWait > exec {
      return false
    }
    return !world.threads(of: holder.process).contains { thread in
      switch world.openCall(of: thread)?.operation {
      case .accept(let fd, _): world.descriptor(fd, of: thread).file == slot
      default: false
      }
    }
  }

  // MARK: Locks

  /// A lock call begins, or has returned.
  mutating func locks(
    _ event: Event, _ fd: FD, _ operation: Int32, arena: Arena, world: World, tables: TraceTables, origins: Origins
  ) {
    if event.phase == .begin {
      // LOCK_SH, LOCK_EX; not LOCK_NB.
      guard operation & 3 != 0, operation & 4 == 0, lockers.count < Self.mostKept else { return }
      lockers[event.thread] = (fd, event.entered, world.evidence(event, arena: arena, tables))
    } else if lockers[event.thread] != nil {
      judgeLock(event.thread, at: event.exited, world: world, tables: tables, origins: origins)
      lockers[event.thread] = nil
    }
  }

  /// Looks for who holds the lock that the thread has waited for until now.
  mutating func judgeLock(
    _ thread: ThreadID, at time: Nanoseconds, world: World, tables: TraceTables, origins: Origins
  ) {
    guard let locker = lockers[thread], time - min(time, locker.since) >= Self.shortest,
      let victim = world.processID(of: thread), let held = held[thread]
    else { return }
    let actor = world.party(held.process, thread: nil, execed: true, tables)
    let party = world.party(victim, thread: thread, execed: world.hasExeced(victim), tables)
    judged.append(
      Conclusion(
        finding: Finding(
          rule: .heldAfterExec, severity: .error, confidence: .likely,
          message:
            "\(party.command) (pid \(party.pid)) waited \(Duration.text(time.less(locker.since))) in flock() for \(EventText.harmless(tables.text(held.name))): who locked it is gone, but \(world.introduce(actor)) kept the locked file through exec as fd \(held.fd)",
          actor: actor, victim: party,
          object: FindingObject(kind: .file, id: 0, creatorPid: actor.parent, actorFD: held.fd, victimFD: locker.fd),
          count: 1, first: locker.since, last: time,
          evidence: origins.fork(of: held.process, world: world, tables: tables) + [locker.evidence],
          fix: Fixes.heldAfterExec(kind: .file))))
  }

  /// By waiter: who was found to hold the lock, while both were there.
  private var held: [ThreadID: (process: ProcessID, fd: FD, name: StringID)] = [:]

  /// The recorder has looked up a locked file for a waiter (Recorder+Locks).
  mutating func found(_ descriptor: ExistingDescriptor, in process: ProcessID, world: World, tables: TraceTables) {
    guard descriptor.kind == .file, !lockers.isEmpty else { return }
    for (thread, locker) in lockers where world.processID(of: thread) != process {
      let slot = world.descriptor(locker.fd, of: thread).file
      let own = world.descriptor(descriptor.fd, of: world.threads(of: process).first ?? .unknown).file
      guard slot >= 0, own >= 0, slot != own, world.files[Int(slot)].name == descriptor.link else { continue }
      // Who opened it may live on: then it is held on purpose.
      let holders = world.living.filter { id in
        world.table(of: id)?.open.contains { $0.descriptor.file == own } ?? false
      }
      guard
        holders.allSatisfy({ id in
          world.hasExeced(id) && world.parent(of: id).map { world.process($0)?.isAlive == false } ?? false
        })
      else { continue }
      held[thread] = (process, descriptor.fd, descriptor.link)
    }
  }

  mutating func conclude(world: World, tables: TraceTables, origins: Origins) -> [Conclusion] {
    for thread in lockers.keys.sorted() {
      judgeLock(thread, at: world.now, world: world, tables: tables, origins: origins)
    }
    return judged
  }

  // MARK: Ends of pipes

  /// The note behind an end that does not come, if the holder has what it never asked for.
  static func cause(of effect: Conclusion, world: World, origins: Origins, tables: TraceTables) -> Conclusion? {
    guard let actor = effect.finding.actor, actor.execed, actor.process != effect.finding.victim?.process,
      let object = effect.finding.object, let fd = object.actorFD, fd > 2
    else { return nil }
    var finding = effect.finding
    finding.rule = .heldAfterExec
    finding.severity = .note
    finding.message =
      "\(world.introduce(actor)) kept fd \(fd), a writing end of a \(object.kindName) that pid \(object.creatorPid ?? 0) made, through exec, and has not used it"
    finding.fix = Fixes.heldAfterExec(kind: object.kind)
    return Conclusion(finding: finding, channel: effect.channel)
  }
}
