// foreign-wakeup-write: a forked, not exec'd process writes the pipe, eventfd or socketpair by which another process's
// loop wakes itself. The loop wakes for nothing at best; where a private flag counts the bytes it spins for ever.
//
// It is a wakeup object if its owner writes it too, and had it in a wait set before the fork or uses it as one (neither end
// blocks, the owner drains it); where the owner was not seen to write it, only if all of these hold; or if the owner spins on it.
//
// Spared: channels that carry messages between processes by design. Those are read in parts (a header, then the rest),
// or carry changing data; semaphores and token pools, whose users put back what they took, or which the owner had filled
// before it first waited.

import Lineage
import Trace

struct ForeignWakeupWrite {
  private var candidates = ChannelAccounts<ForeignWrites>()
  private var judged: [Verdict] = []

  private struct Verdict {
    var finding: Finding
    var channel: UInt32
    /// Nothing but a spin would prove that the object is a wakeup object.
    var needsSpin: Bool
  }

  /// A process has written to a channel.
  mutating func wrote(
    _ event: Event, _ result: CallResult, by process: ProcessID, arena: Arena, world: World, tables: TraceTables
  ) {
    let slot = world.effect.channel
    let isKnown = candidates.has(slot, process)
    guard isKnown || world.isForeign(slot, to: process) else { return }
    // What an inherited handler writes is that rule's finding.
    if let frame = world.actingHandler(of: event.thread), frame.inherited { return }
    if !isKnown, let writes = world.foreignWrites(by: event) { candidates.open(slot, process, writes) }
    candidates.change(slot, process) { $0.add(event, result, world.evidence(event, arena: arena, tables)) }
  }

  /// `spins`: what threads spin on, and whose bytes keep it ready.
  mutating func conclude(world: World, tables: TraceTables, origins: Origins, spins: [Streak]) -> [Conclusion] {
    for channel in world.channels where channel.serial > 0 {
      judge(channel, world: world, tables: tables, origins: origins)
    }
    return judged.compactMap { verdict in
      let isSpun = spins.contains {
        $0.channel == verdict.channel && $0.culprit?.process == verdict.finding.actor?.process
      }
      guard isSpun || !verdict.needsSpin else { return nil }
      var finding = verdict.finding
      if isSpun {
        finding.severity = .error
        finding.confidence = .certain
      }
      return Conclusion(finding: finding, channel: verdict.channel)
    }
  }

  mutating func judge(_ channel: Channel, world: World, tables: TraceTables, origins: Origins) {
    for entry in candidates.close(channel.slot) {
      if let verdict = judge(entry.account, channel, world: world, tables: tables, origins: origins) {
        judged.append(verdict)
      }
    }
  }

  private func judge(
    _ writes: ForeignWrites, _ channel: Channel, world: World, tables: TraceTables, origins: Origins
  ) -> Verdict? {
    guard let owner = world.owner(of: channel, harmedBy: writes), !writes.actorOnlyWrites, owner.keepsWriting,
      let actorUse = channel.use(by: writes.actor), let actor = world.process(writes.actor), !channel.isSemaphore,
      ChannelShape.isWakeup(channel), owner.use.partialReads == 0
    else { return nil }
    let isCounter = channel.kind == .eventfd
    // A token pool: what it writes it had taken, or the owner had filled it before it first waited, and reads exactly.
    if !isCounter, actorUse.bytesRead > 0, actorUse.bytesRead + 1 >= actorUse.bytesWritten { return nil }
    if ChannelShape.isFilledAhead(channel, by: owner.use) { return nil }
    let ownWrites = owner.use.ownWrites
    let drains = isCounter || owner.use.drainingReads > 0 || owner.use.emptyReads > 0
    let waitedBefore = owner.use.firstWait < actor.started
    let mayHaveWaited = waitedBefore || world.sight(of: owner.process).mayHaveWaited(by: actor.started)
    // Three signs of a loop's own wakeup object. Where the owner writes it too, fewer of them will do.
    let isProven =
      ownWrites > 0 ? waitedBefore || writes.isNonblocking && drains : mayHaveWaited && writes.isNonblocking && drains
    let unread = channel.incoming(at: owner.use.inputSide)
    let isUnread =
      unread.unread > 0 && !channel.hasUnseenReads && unread.sinceEmpty.contains { $0.process == writes.actor }
    let severity: Severity = .warning
    let confidence: Confidence = isCounter && ownWrites > 0 ? .certain : .likely
    let party = world.party(writes.actor, thread: writes.thread, execed: false, tables)
    let victim = world.victim(owner, since: actor.started, tables)
    let fate =
      isUnread
      ? "nobody has read \(writes.count == 1 ? "it" : "them") since"
      : "the loop woke and read \(writes.count == 1 ? "it" : "them")"
    let finding = writes.finding(
      .foreignWakeupWrite, severity, confidence, on: channel, of: owner, actor: party, victim: victim,
      message:
        "\(world.introduce(party)) wrote \(ObjectWords.amount(writes)) by \(writes.call.name)() to fd \(writes.fd), the \(ObjectWords.noun(channel.kind)) by which the loop of \(victim.command) (pid \(victim.pid), fd \(owner.fd.map(String.init) ?? "?") there) wakes itself, first at \(Duration.moment(writes.first)); \(fate)",
      fix: Fixes.forkedChild(actor: party, object: channel.kind), world: world, tables: tables, origins: origins)
    return Verdict(finding: finding, channel: channel.serial, needsSpin: !isProven)
  }
}
