// foreign-read: two processes read one pipe, eventfd, socketpair or protocol stdin that the one inherited from the other,
// and the owner loses by it: its wakeups, or bytes that were meant for it.
//
// Spared: whoever loses nothing. Token pools put back what they take; workers that share a queue read whole messages
// under a lock; a shell that lets a child read on does not wait for the bytes itself; siblings with equal rights
// (Apache's pipe of death) are not each other's owners.

import Lineage
import Trace

struct ForeignRead {
  private static let evidenceKept = 4

  private var candidates: [Key: Theft] = [:]
  private var judged: [Finding] = []

  private struct Key: Hashable {
    var channel: UInt32
    var thief: ProcessID
    var owner: ProcessID
  }

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

  mutating func observe(_ event: Event, arena: Arena, world: World, tables: TraceTables, origins: Origins) {
    for channel in world.goneChannels { judge(channel, world: world, tables: tables, origins: origins) }
    switch world.effect.kind {
    case .read: read(event, arena: arena, world: world, tables: tables, origins: origins)
    case .empty, .endOfFile: cameAway(event, arena: arena, world: world, tables: tables, origins: origins)
    default: break
    }
  }

  private mutating func read(_ event: Event, arena: Arena, world: World, tables: TraceTables, origins: Origins) {
    guard let channel = world.channel(world.effect.channel), let thread = world.thread(event.thread),
      let side = world.file(world.effect.file)?.side, let process = world.process(thread.process),
      case .call(_, let result, _) = event.body
    else { return }
    switch channel.kind {
    case .pipe, .fifo, .eventfd, .socketpair: break
    case .socket where world.effect.fd == 0: break
    default: return
    }
    // An exec'd child has its descriptors on purpose, but for a standard input that it was not meant to read.
    guard process.parent != nil, !process.hasExeced || world.effect.fd == 0 else { return }
    let fromOthers = world.taken.filter { $0.process != thread.process }
    if channel.kind != .socket, !channel.predates, !channel.hasUnseenWrites, fromOthers.isEmpty { return }
    for owner in owners(of: channel, at: side, robbedBy: process, world: world) {
      let key = Key(channel: channel.serial, thief: thread.process, owner: owner.process)
      var theft =
        candidates[key]
        ?? Theft(
          thief: thread.process, thread: event.thread, fd: world.effect.fd, side: side, owner: owner.process,
          ownerFD: world.readingNumber(of: world.effect.channel, at: side, in: owner.process),
          thiefExeced: process.hasExeced, first: event.exited, last: event.exited, ownerWaits: owner.waits)
      theft.reads += UInt64(event.repeats)
      theft.bytes &+= result.count &* UInt64(event.repeats)
      theft.ownersBytes &+= fromOthers.filter { $0.process == theft.owner }.reduce(0) { $0 &+ $1.count }
      theft.last = event.exited
      if world.isWaiting(theft.owner, on: world.effect.channel, at: side) {
        theft.whileWaiting += UInt64(event.repeats)
      }
      if theft.evidence.count < Self.evidenceKept {
        theft.evidence.append(world.evidence(event, arena: arena, tables))
      }
      candidates[key] = theft
    }
  }

  /// The ancestor that reads or waits at the same end. Where its reads were not seen so far, all that could have read: only who comes
  /// away empty later is robbed.
  private func owners(of channel: Channel, at side: Side, robbedBy thief: ProcessState, world: World) -> [ChannelUse] {
    // Whose theft is under way already stays the owner.
    let known = channel.uses.filter { use in
      guard use.process != thief.id, world.descends(thief.id, from: use.process) else { return false }
      if candidates[Key(channel: channel.serial, thief: thief.id, owner: use.process)] != nil { return true }
      let isUser = (use.waitsForInput || use.reads > 0) && channel.isSameInput(use.inputSide, side)
      return (isUser || world.isWaiting(use.process, on: world.effect.channel, at: side))
        && world.readingNumber(of: world.effect.channel, at: side, in: use.process) != nil
    }.max { $0.process < $1.process }
    if let known { return [known] }
    guard channel.hasUnseenReads else { return [] }
    var found: [ChannelUse] = []
    var ancestor = thief.parent
    while let next = ancestor {
      if world.readingNumber(of: world.effect.channel, at: side, in: next) != nil {
        found.append(channel.use(by: next) ?? ChannelUse(process: next))
      }
      ancestor = world.process(next)?.parent
    }
    return found
  }

  /// Somebody read and found nothing, or the end: if it is a robbed owner, that is the loss.
  private mutating func cameAway(_ event: Event, arena: Arena, world: World, tables: TraceTables, origins: Origins) {
    guard let channel = world.channel(world.effect.channel), let thread = world.thread(event.thread),
      let side = world.file(world.effect.file)?.side
    else { return }
    for (key, theft) in candidates
    where key.channel == channel.serial && theft.owner == thread.process && channel.isSameInput(theft.side, side) {
      candidates[key]!.robbed += UInt64(event.repeats)
      if theft.evidence.count <= Self.evidenceKept, theft.robbed == 0 {
        candidates[key]!.evidence.append(world.evidence(event, arena: arena, tables))
      }
    }
  }

  mutating func conclude(world: World, tables: TraceTables, origins: Origins) -> [Finding] {
    for channel in world.channels where channel.serial > 0 {
      judge(channel, world: world, tables: tables, origins: origins)
    }
    return judged
  }

  private mutating func judge(_ channel: Channel, world: World, tables: TraceTables, origins: Origins) {
    for (key, theft) in candidates where key.channel == channel.serial {
      candidates[key] = nil
      if let finding = judge(theft, channel, world: world, tables: tables, origins: origins) { judged.append(finding) }
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
    if !isWakeup, world.process(theft.owner)?.sight.mayHaveWaited(by: channel.created) == true { return nil }
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
      evidence: origins.prologue(channel: channel.serial, process: theft.thief) + theft.evidence,
      fix: Fixes.foreignRead(actor: party, execed: theft.thiefExeced, fd: theft.fd))
  }
}
