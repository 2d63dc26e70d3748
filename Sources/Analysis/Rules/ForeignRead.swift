// foreign-read: two processes read one pipe, eventfd, socketpair or protocol stdin that the one inherited from the other,
// and the owner loses by it: its wakeups, or bytes that were meant for it.
//
// Spared: whoever loses nothing. Token pools put back what they take; workers that share a queue read whole messages
// under a lock; a shell that lets a child read on does not wait for the bytes itself, nor does the program that it executes
// afterwards; siblings with equal rights (Apache's pipe of death) are not each other's owners.

import Lineage
import Trace

struct ForeignRead {
  private static let evidenceKept = 4

  private var candidates = ChannelAccounts<Theft>()
  private var judged: [Conclusion] = []

  private struct Theft {
    var thief: ProcessID
    var thread: ThreadID
    var fd: FD
    /// Where it was read: both must read the same end of a socketpair.
    var side: Side
    var owner: ProcessID
    var ownerFD: FD?
    var thiefExeced: Bool
    var reads: UInt64 = 0
    var bytes: UInt64 = 0
    /// Of these, what the owner had written for itself.
    var ownersBytes: UInt64 = 0
    var first: Nanoseconds
    var last: Nanoseconds
    /// The owner waited on the channel, or was blocked in a read of it, while it was read.
    var whileWaiting: UInt64 = 0
    /// Afterwards the owner found nothing where it had been told that there was something, or the end.
    var robbed: UInt64 = 0
    var ownerWaits: UInt64
    var evidence: [Evidence] = []
  }

  /// A process has read from a channel.
  mutating func read(
    _ event: Event, _ result: CallResult, by thief: ProcessID, arena: Arena, world: World, tables: TraceTables
  ) {
    let slot = world.effect.channel
    // An exec'd child has its descriptors on purpose, but for a standard input that it was not meant to read.
    guard world.parent(of: thief) != nil, world.effect.fd == 0 || !world.hasExeced(thief) else { return }
    let kind = world.channels[Int(slot)].kind
    switch kind {
    case .pipe, .fifo, .eventfd, .socketpair: break
    case .socket where world.effect.fd == 0: break
    default: return
    }
    let isOwn = world.taken.allSatisfy { $0.process == thief }
    if isOwn, kind != .socket, !world.channels[Int(slot)].predates, !world.channels[Int(slot)].hasUnseenWrites {
      return
    }
    guard let side = world.file(world.effect.file)?.side else { return }
    // Whose theft is under way already stays the owner.
    if let owner = knownOwner(of: slot, at: side, robbedBy: thief, world: world) {
      charge(event, result, slot, side, thief, owner, arena: arena, world: world, tables: tables)
    } else if world.channels[Int(slot)].hasUnseenReads {
      for owner in possibleOwners(of: slot, at: side, robbedBy: thief, world: world) {
        charge(event, result, slot, side, thief, owner, arena: arena, world: world, tables: tables)
      }
    }
  }

  private mutating func charge(
    _ event: Event, _ result: CallResult, _ slot: Int32, _ side: Side, _ thief: ProcessID, _ owner: ProcessID,
    arena: Arena, world: World, tables: TraceTables
  ) {
    if !candidates.has(slot, where: { $0.thief == thief && $0.owner == owner }) {
      let theft = Theft(
        thief: thief, thread: event.thread, fd: world.effect.fd, side: side, owner: owner,
        ownerFD: world.readingNumber(of: slot, at: side, in: owner),
        thiefExeced: world.process(thief)?.hasExeced ?? false, first: event.exited, last: event.exited,
        ownerWaits: world.channel(slot)?.use(by: owner)?.waits ?? 0)
      candidates.open(slot, thief, theft)
    }
    candidates.changeAll(slot) { theft in
      guard theft.thief == thief, theft.owner == owner else { return }
      theft.reads += UInt64(event.repeats)
      theft.bytes &+= result.count &* UInt64(event.repeats)
      for segment in world.taken where segment.process == owner && segment.process != thief {
        theft.ownersBytes &+= segment.count
      }
      theft.last = event.exited
      if world.isWaiting(owner, on: slot, at: side) { theft.whileWaiting += UInt64(event.repeats) }
      if theft.evidence.count < Self.evidenceKept {
        theft.evidence.append(world.evidence(event, arena: arena, tables))
      }
    }
  }

  /// The ancestor that reads or waits at the same end; of several the youngest.
  private func knownOwner(of slot: Int32, at side: Side, robbedBy thief: ProcessID, world: World) -> ProcessID? {
    let isPair = world.channels[Int(slot)].kind == .socketpair
    var youngest: ProcessID?
    for use in world.channels[Int(slot)].uses {
      let process = use.process
      if process == thief || youngest.map({ process < $0 }) ?? false || !world.descends(thief, from: process) {
        continue
      }
      let isKnown = candidates.has(slot) { $0.thief == thief && $0.owner == process }
      let isUser = (use.waitsForInput || use.reads > 0) && (!isPair || use.inputSide == side)
      if isKnown
        || (isUser || world.isWaiting(process, on: slot, at: side))
          && world.readingNumber(of: slot, at: side, in: process) != nil
      {
        youngest = process
      }
    }
    return youngest
  }

  /// Where reads were not seen so far, all ancestors that could have read: only who comes away empty later is robbed.
  private func possibleOwners(of slot: Int32, at side: Side, robbedBy thief: ProcessID, world: World) -> [ProcessID] {
    var found: [ProcessID] = []
    var ancestor = world.parent(of: thief)
    while let next = ancestor {
      if world.readingNumber(of: slot, at: side, in: next) != nil { found.append(next) }
      ancestor = world.parent(of: next)
    }
    return found
  }

  /// Somebody read and found nothing, or the end: if it is a robbed owner, that is the loss.
  mutating func cameAway(_ event: Event, by process: ProcessID, arena: Arena, world: World, tables: TraceTables) {
    let slot = world.effect.channel
    guard candidates.has(slot), let channel = world.channel(slot),
      let side = world.file(world.effect.file)?.side
    else { return }
    candidates.changeAll(slot) { theft in
      guard theft.owner == process, channel.isSameInput(theft.side, side) else { return }
      // What it has executed since never knew of what was there before: a shell's last command.
      guard (world.process(process)?.lastExec ?? 0) <= theft.first else { return }
      if theft.evidence.count <= Self.evidenceKept, theft.robbed == 0 {
        theft.evidence.append(world.evidence(event, arena: arena, tables))
      }
      theft.robbed += UInt64(event.repeats)
    }
  }

  mutating func conclude(world: World, tables: TraceTables, origins: Origins) -> [Conclusion] {
    for channel in world.channels where channel.serial > 0 {
      judge(channel, world: world, tables: tables, origins: origins)
    }
    return judged
  }

  mutating func judge(_ channel: Channel, world: World, tables: TraceTables, origins: Origins) {
    for entry in candidates.close(channel.slot) {
      if let finding = judge(entry.account, channel, world: world, tables: tables, origins: origins) {
        judged.append(Conclusion(finding: finding, channel: channel.serial))
      }
    }
  }

  private func judge(_ theft: Theft, _ channel: Channel, world: World, tables: TraceTables, origins: Origins)
    -> Finding?
  {
    guard let owner = channel.use(by: theft.owner), let thief = channel.use(by: theft.thief) else { return nil }
    let isWakeup = theft.ownersBytes > 0 && owner.ownWrites > 0 && ChannelShape.isWakeup(channel)
    let isStdin = theft.fd == 0
    // What it took it put back, or it took permits, or whole messages out of a shared queue.
    if channel.isSemaphore || ChannelShape.isFilledAhead(channel, by: owner) { return nil }
    if thief.bytesWritten >= thief.bytesRead, channel.kind != .eventfd { return nil }
    if channel.kind != .eventfd, !isStdin, thief.partialReads > 0, owner.partialReads > 0 || owner.reads == 0 {
      return nil
    }
    // What the owner did before it was watched (scope light) may have made it a queue that all share: only wakeups tell by themselves.
    if !isWakeup, world.sight(of: theft.owner).mayHaveWaited(by: channel.created) { return nil }
    // Messages that the owner itself handed out.
    if !isWakeup, theft.ownersBytes > 0, theft.ownersBytes >= theft.bytes, theft.robbed == 0 { return nil }
    // The owner must have wanted it: it waits on it again, was waiting when it was taken, or came for it in vain.
    let waitsAgain = owner.waits > theft.ownerWaits && owner.lastWait > theft.first
    guard isWakeup ? waitsAgain || theft.whileWaiting > 0 : theft.whileWaiting > 0 || theft.robbed > 0 else {
      return nil
    }
    if channel.kind == .eventfd, !isWakeup, theft.robbed == 0 { return nil }
    let party = world.party(theft.thief, thread: theft.thread, execed: theft.thiefExeced, tables)
    let victim = world.party(
      theft.owner, thread: owner.lastWaiter == .unknown ? nil : owner.lastWaiter,
      execed: (world.process(theft.owner)?.lastExec ?? 0) > (world.process(theft.thief)?.started ?? 0), tables)
    let what =
      isWakeup
      ? "\(counted(theft.reads, "time")) what pid \(victim.pid) had written to wake itself"
      : "\(counted(theft.bytes, "byte")) that pid \(victim.pid) was waiting for"
    let loss = theft.robbed > 0 ? "; the owner then found nothing there \(counted(theft.robbed, "time"))" : ""
    return Finding(
      rule: .foreignRead, severity: .error, confidence: isWakeup || theft.robbed > 0 ? .certain : .likely,
      message:
        "\(world.introduce(party)) read \(what) from fd \(theft.fd), the \(ObjectWords.noun(channel.kind)) that \(victim.command) (pid \(victim.pid), fd \(theft.ownerFD.map(String.init) ?? "?") there) waits on, first at \(Duration.moment(theft.first))\(loss)",
      actor: party, victim: victim,
      object: FindingObject(
        kind: channel.kind, id: channel.serial,
        creatorPid: channel.predates ? nil : world.process(of: channel.creator)?.pid,
        actorFD: theft.fd, victimFD: theft.ownerFD),
      count: theft.reads, first: theft.first, last: theft.last,
      evidence: origins.prologue(channel, process: theft.thief, world: world, tables: tables) + theft.evidence,
      fix: Fixes.foreignRead(actor: party, execed: theft.thiefExeced, fd: theft.fd))
  }
}
