// ghost-epoll-entry: a process closes a number (or gives it to another open file) that is in its epoll instance, and the entry
// stays, since another process or a duplicate holds the open file (epoll(7), Q6: an entry goes with the last descriptor). The
// waits go on returning the number, and EPOLL_CTL_DEL of it gives EBADF or ENOENT.
//
// A finding once an event is returned for it, by a wait that was entered after the close; a note where only epoll_ctl failed.
//
// Spared: the gap between fork and exec of a subprocess, which holds everything for a moment; a number that was moved (dup,
// then close) and is used under its new one; entries of another process's descriptors, which are shared-epoll's.

import Lineage
import Trace

struct GhostEpollEntry {
  private static let evidenceKept = 3
  /// A wait that was entered before the close and went on for so long was not just returning.
  private static let racing: Nanoseconds = 50_000_000
  /// After so many returns who holds the open file is asked at every 64th only.
  private static let mostAsked: UInt64 = 64

  private struct Ghost {
    var process: ProcessID
    var thread: ThreadID
    var fd: FD
    var file: Int32
    var serial: UInt32
    var channel: UInt32
    var kind: ObjectKind
    var creator: ThreadID
    var at: Nanoseconds
    var act: Evidence
    var isReplaced: Bool
    /// Who was told, and by which instance.
    var waiter: ThreadID = .unknown
    var epoll: FD = -1
    var returns: UInt64 = 0
    /// Of these, those that were followed by a use under another number.
    var uses: UInt64 = 0
    var first: Nanoseconds = 0
    var last: Nanoseconds = 0
    var refusals: UInt64 = 0
    var errno: Int32 = 0
    var evidence: [Evidence] = []
    /// Who held the open file at the last return: process, number, whether exec would close it.
    var holders: [(process: ProcessID, fd: FD)] = []
  }

  /// Entries that were left behind, the latest of them; and those of which there was more to see.
  private var candidates: [Ghost] = []
  private var ghosts: [Ghost] = []
  private static let mostCandidates = 256
  /// Processes whose exec failed: they meant to be a subprocess.
  private var failedExecs: Set<ProcessID> = []

  var isEmpty: Bool { ghosts.isEmpty }

  /// A call has closed numbers, or given them away.
  mutating func released(
    _ event: Event, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    for number in world.released where number.isWatched && !number.isLast {
      guard holdsWatcher(of: number, thread, world: world) else { continue }
      var isReplaced = false
      if case .call(_, _, .duplicate) = event.body { isReplaced = true }
      let channel = world.channels[Int(number.channel)]
      candidates.removeAll { $0.process == thread.process && $0.serial == number.serial && $0.fd == number.fd }
      if candidates.count >= Self.mostCandidates { candidates.removeFirst(Self.mostCandidates / 2) }
      candidates.append(
        Ghost(
          process: thread.process, thread: thread.id, fd: number.fd, file: number.file, serial: number.serial,
          channel: channel.serial, kind: number.kind, creator: channel.creator, at: event.time,
          act: world.evidence(event, arena: arena, tables), isReplaced: isReplaced))
    }
  }

  /// The process calls exec, or ends: what it left behind, as every subprocess does, is of no matter.
  mutating func left(_ process: ProcessID, failedExec: Bool) {
    if failedExec { failedExecs.insert(process) }
    if !failedExec, !candidates.isEmpty { candidates.removeAll { $0.process == process } }
  }

  /// The place among `ghosts` of what was left behind.
  private mutating func place(where matches: (Ghost) -> Bool) -> Int? {
    if let place = ghosts.firstIndex(where: matches) { return place }
    guard let place = candidates.firstIndex(where: matches) else { return nil }
    ghosts.append(candidates.remove(at: place))
    return ghosts.count - 1
  }

  private static func isAlive(_ ghost: Ghost, _ world: World) -> Bool {
    world.files[Int(ghost.file)].serial == ghost.serial && world.files[Int(ghost.file)].channel >= 0
  }

  /// Whether the thread's process has the epoll instance itself.
  private func holdsWatcher(of number: ReleasedNumber, _ thread: ThreadState, world: World) -> Bool {
    world.tables[thread.table].open.contains { _, descriptor in
      world.files[Int(descriptor.file)].kind == .epoll
        && world.files[Int(descriptor.file)].interest.contains(fd: number.fd, serial: number.serial)
    }
  }

  /// A wait has returned numbers that do not mean what they did.
  mutating func returned(
    _ event: Event, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    for ready in world.ready where ready.isGhost && ready.file >= 0 {
      let serial = world.files[Int(ready.file)].serial
      guard
        let place = place(where: {
          $0.process == thread.process && $0.serial == serial && $0.fd == ready.fd
            && (event.entered >= $0.at || event.exited >= $0.at + Self.racing)
        })
      else { continue }
      if ghosts[place].returns == 0 { ghosts[place].first = event.firstReturn }
      ghosts[place].returns += UInt64(event.repeats)
      ghosts[place].last = event.exited
      ghosts[place].waiter = thread.id
      ghosts[place].epoll = world.effect.fd
      if ghosts[place].evidence.count < Self.evidenceKept {
        ghosts[place].evidence.append(world.evidence(event, arena: arena, tables))
      }
      if ghosts[place].returns < Self.mostAsked || ghosts[place].returns % Self.mostAsked == 0 || event.repeats > 1 {
        ghosts[place].holders = world.numbers(ofFile: ready.file)
      }
    }
  }

  /// epoll_ctl failed.
  mutating func refused(
    _ event: Event, _ fd: FD, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables
  ) {
    guard !ghosts.isEmpty || !candidates.isEmpty,
      case .call(_, let result, .epollControl(_, let op, _, _, _)) = event.body, op != 1,
      result.errno == 9 || result.errno == 2
    else { return }
    if let place = place(where: { $0.fd == fd && $0.process == thread.process && Self.isAlive($0, world) }) {
      ghosts[place].refusals += UInt64(event.repeats)
      ghosts[place].errno = result.errno
      if ghosts[place].returns == 0 {
        ghosts[place].first = event.firstReturn
        ghosts[place].last = event.exited
        ghosts[place].holders = world.numbers(ofFile: ghosts[place].file)
      }
      if ghosts[place].evidence.count < Self.evidenceKept + 1 {
        ghosts[place].evidence.append(world.evidence(event, arena: arena, tables))
      }
    }
  }

  /// Its process uses the open file under another number.
  @inline(__always)
  mutating func used(by process: ProcessID, world: World) {
    guard world.effect.file >= 0, world.effect.kind != .wait, world.effect.kind != .none else { return }
    for place in ghosts.indices
    where ghosts[place].file == world.effect.file && ghosts[place].process == process
      && world.files[Int(world.effect.file)].serial == ghosts[place].serial
    {
      ghosts[place].uses += 1
    }
  }

  func conclude(world: World, tables: TraceTables, origins: Origins) -> [Conclusion] {
    ghosts.compactMap { finding($0, world, tables, origins) }
  }

  /// Whether whoever held the open file did so between fork and exec only.
  private func isGap(_ ghost: Ghost, _ world: World) -> Bool {
    !ghost.holders.isEmpty
      && ghost.holders.allSatisfy { holder in
        guard holder.process != ghost.process, let process = world.process(holder.process) else { return false }
        return process.lastExec.map { $0 >= ghost.last } ?? failedExecs.contains(holder.process)
      }
  }

  /// Whether it may have been used under its new number without being seen.
  private func isUseUnseen(_ ghost: Ghost, _ world: World) -> Bool {
    ghost.holders.contains { holder in
      holder.process == ghost.process && ghost.kind == .socket
        && !world.sight(of: holder.process).sees(.reads, on: holder.fd)
    }
  }

  private func finding(
    _ ghost: Ghost, _ world: World, _ tables: TraceTables, _ origins: Origins
  ) -> Conclusion? {
    guard ghost.returns + ghost.refusals > 0, !isGap(ghost, world), ghost.uses * 2 < max(1, ghost.returns),
      !isUseUnseen(ghost, world)
    else { return nil }
    let actor = world.party(ghost.process, thread: ghost.thread, execed: false, tables)
    let victim = world.party(
      ghost.process, thread: ghost.waiter == .unknown ? ghost.thread : ghost.waiter, execed: false, tables)
    let others = ghost.holders.filter { $0.process != ghost.process }
    let noun = ObjectWords.noun(ghost.kind)
    var holder = "something unseen"
    if let other = others.first {
      let party = world.party(
        other.process, thread: nil, execed: world.process(other.process)?.hasExeced ?? false, tables)
      holder = "\(world.introduce(party)) has it open as fd \(other.fd)"
      if others.count > 1 { holder += ", and \(counted(UInt64(others.count - 1), "other number")) elsewhere" }
    } else if let own = ghost.holders.first {
      holder = "its duplicate fd \(own.fd) is open"
    }
    let returned =
      ghost.returns > 0
      ? ": waits have returned the number that is gone \(counted(ghost.returns, "time")), first at \(Duration.moment(ghost.first))"
      : ""
    let refused =
      ghost.refusals > 0 ? "\(ghost.returns > 0 ? ", and" : ":") epoll_ctl of it gave \(errnoName(ghost.errno))" : ""
    let act =
      ghost.isReplaced ? "gave fd \(ghost.fd) (\(noun)) to another open file" : "closed fd \(ghost.fd) (\(noun))"
    var evidence =
      others.first.map { other in
        world.channels.first { $0.serial == ghost.channel }.map {
          origins.prologue($0, process: other.process, world: world, tables: tables)
        } ?? []
      } ?? []
    evidence.append(ghost.act)
    evidence += ghost.evidence
    let finding = Finding(
      rule: .ghostEpollEntry, severity: ghost.returns > 0 ? .error : .note,
      confidence: ghost.returns > 1 ? .certain : .likely,
      message:
        "\(victim.command) (pid \(victim.pid)) \(act) at \(Duration.moment(ghost.at)) while it was in epoll instance fd \(ghost.epoll), and the entry stays since \(holder)\(returned)\(refused)",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: ghost.kind, id: ghost.channel, creatorPid: world.process(of: ghost.creator)?.pid, actorFD: ghost.fd,
        victimFD: ghost.fd),
      count: max(1, ghost.returns), first: ghost.at, last: ghost.last, evidence: evidence,
      fix: Fixes.ghostEntry(fd: ghost.fd, byHolder: !others.isEmpty))
    return Conclusion(finding: finding, channel: ghost.channel, file: ghost.serial)
  }
}
