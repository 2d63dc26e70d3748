// Who was meant to write into a channel, who merely holds an end of it, and so whether its reader waits for an end that will not come.

import Lineage
import Trace

struct WriterIntent {
  /// Who holds, or held, an end by which what the reader reads can be written.
  struct Holder {
    var process: ProcessID
    var fd: FD
    /// When it gave that end up; `max` for one who has it.
    var left: Nanoseconds
    var leaver: Leaver?
  }

  struct Verdict {
    var holder: Holder
    /// How many others hold it in the same way.
    var others = 0
    /// The last intended writer that went, and since when nobody was left to write.
    var gone: Leaver?
    var since: Nanoseconds
    var isDeadlock = false
    var isCertain = false
    /// The maker itself has ended, as who waits for that may be meant to learn.
    var isByDesign = false
  }

  /// Those who go together with the reader's wait are told of within this time.
  private static let margin: Nanoseconds = 100_000_000

  private let channel: Channel
  private let reader: ProcessID
  private let side: Side
  private let since: Nanoseconds
  private let until: Nanoseconds
  private let world: World
  /// Holders until the end of the wait or nearly so, without the reader; and those that went a second or more before it.
  private var staying: [Holder] = []
  private var gone: [Holder] = []
  private var own: Holder?
  private var isOpenForBoth = false

  init(_ channel: Channel, reader: ProcessID, at side: Side, since: Nanoseconds, until: Nanoseconds, world: World) {
    self.channel = channel
    self.reader = reader
    self.side = side
    self.since = since
    self.until = until
    self.world = world
    var holders: [Holder] = []
    for holder in world.holders(of: channel.slot) where world.channel(channel.slot)?.serial == channel.serial {
      if channel.kind != .socketpair, holder.side == .both { isOpenForBoth = true }
      guard channel.canWrite(holder.side, to: side) else { continue }
      holders.append(Holder(process: holder.process, fd: holder.fd, left: .max))
    }
    for leaver in channel.leavers {
      if channel.kind != .socketpair, leaver.side == .both { isOpenForBoth = true }
      guard channel.canWrite(leaver.side, to: side), !holders.contains(where: { $0.process == leaver.process }) else {
        continue
      }
      holders.append(Holder(process: leaver.process, fd: leaver.fd, left: leaver.time, leaver: leaver))
    }
    for holder in holders {
      if holder.process == reader {
        if holder.left >= until - min(until, Self.margin) { own = own ?? holder }
      } else if holder.left > until - min(until, World.longWait) {
        if !staying.contains(where: { $0.process == holder.process }) { staying.append(holder) }
      } else {
        gone.append(holder)
      }
    }
  }

  /// Whether the end will not come, and who keeps it; nil where somebody may still write. `isAlone`: the reader waits for nothing else.
  func verdict(_ childWaits: [ProcessID: EofNeverComes.ChildWait], isAlone: Bool) -> Verdict? {
    if isOpenForBoth { return nil }
    // Both ends of a loop's own wakeup object.
    if own != nil, !isAlone || ownWrites(of: reader) > 0 { return nil }
    if staying.isEmpty { return ownVerdict() }
    let sleepers = staying.filter { waitsForReader($0.process, childWaits[$0.process]) }
    let rest = staying.filter { holder in !sleepers.contains { $0.process == holder.process } }
    if rest.isEmpty, let holder = sleepers.first, isAlone {
      let began = childWaits[holder.process]?.since ?? since
      return Verdict(holder: holder, others: sleepers.count - 1, since: began, isDeadlock: true, isCertain: true)
    }
    var last: Holder?
    for holder in rest {
      // At 1 and 2 writes run unseen: there it counts that nothing came.
      guard holder.fd <= 2 || world.sight(of: holder.process).sees(.writes, on: holder.fd) else { return nil }
      guard ownWrites(of: holder.process) == 0,
        let writer = gone.filter({ isIntended($0, besides: holder) }).max(by: {
          $0.left < $1.left
        })
      else { return nil }
      if last.map({ $0.left < writer.left }) ?? true { last = writer }
    }
    guard let holder = rest.first, let last else { return nil }
    // Whoever else had an end, its second begins with the last that went.
    let end = gone.map(\.left).max() ?? last.left
    guard until - min(until, max(end, since)) >= World.longWait else { return nil }
    let isByDesign =
      world.processID(of: channel.creator) == last.process && last.leaver.map(\.isByExit) ?? false
    return Verdict(
      holder: holder, others: rest.count - 1, gone: last.leaver, since: end, isByDesign: isByDesign)
  }

  /// Nobody but the reader itself has an end.
  private func ownVerdict() -> Verdict? {
    // Opening a fifo's other end oneself is how its reader sees no end between two writers.
    guard let own, channel.kind != .fifo, !hasOtherThreads(reader) else { return nil }
    guard let last = gone.filter({ meansToWrite($0) }).max(by: { $0.left < $1.left }) else { return nil }
    let end = gone.map(\.left).max() ?? last.left
    guard until - min(until, max(end, since)) >= World.longWait else { return nil }
    return Verdict(holder: own, gone: last.leaver, since: end, isCertain: true)
  }

  private func ownWrites(of process: ProcessID) -> UInt64 {
    guard let use = channel.use(by: process) else { return 0 }
    guard channel.kind == .socketpair else { return use.writes }
    return side == .second ? use.writesBack : use.writes - use.writesBack
  }

  /// It wrote, or had the end where programs write.
  private func wrote(_ holder: Holder) -> Bool { ownWrites(of: holder.process) > 0 || holder.fd == 1 || holder.fd == 2 }

  /// The same, or it had given up its reading end and kept the other.
  private func meansToWrite(_ holder: Holder) -> Bool {
    wrote(holder) || keptOnlyThat(holder) && (holder.leaver?.isByExit ?? false)
  }

  private func keptOnlyThat(_ holder: Holder) -> Bool {
    channel.leavers.contains {
      $0.process == holder.process && !channel.canWrite($0.side, to: side) && $0.time < holder.left
    }
  }

  /// Whether what `writer` had was handed down to `holder` without need: the writer forked it, or both have channels of their own.
  private func isIntended(_ writer: Holder, besides holder: Holder) -> Bool {
    if world.descends(holder.process, from: writer.process) {
      if wrote(writer) { return !hasWritingSibling(holder) }
      // Its maker kept the writing end, and closed it; a program that was started meanwhile knows nothing of its copy.
      return world.processID(of: channel.creator) == writer.process && keptOnlyThat(writer)
        && !(writer.leaver?.isByExit ?? true) && world.hasExeced(holder.process) && holder.fd > 2
    }
    return wrote(writer) && hasOwnChannel(holder.process, besides: writer.process)
  }

  private func hasWritingSibling(_ holder: Holder) -> Bool {
    guard let parent = world.parent(of: holder.process) else { return false }
    return channel.uses.contains {
      $0.process != holder.process && world.parent(of: $0.process) == parent && ownWrites(of: $0.process) > 0
        && world.isHeir(holder.process)
    }
  }

  /// Whether each of them has a channel for itself, of the same kind and maker: the writer this one, the holder another.
  private func hasOwnChannel(_ holder: ProcessID, besides writer: ProcessID) -> Bool {
    func onlyWriter(_ channel: Channel) -> ProcessID? {
      let writers = channel.uses.filter { $0.writes > 0 }
      return writers.count == 1 ? writers[0].process : nil
    }
    guard onlyWriter(channel) == writer, let maker = world.processID(of: channel.creator) else { return false }
    // Those that went with the same event, too.
    return (world.channels + world.goneChannels).contains { other in
      other.serial != channel.serial && other.kind == channel.kind && onlyWriter(other) == holder
        && world.processID(of: other.creator) == maker
    }
  }

  private func hasOtherThreads(_ process: ProcessID) -> Bool {
    world.threads.lazy.filter {
      $0.process == process && $0.started < until && $0.ended.map { $0 + Self.margin >= until } ?? true
    }.count > 1
  }

  /// Whether it sleeps until the reader, or the program that the reader belongs to, has ended, and has no other child to wait for.
  private func waitsForReader(_ process: ProcessID, _ wait: EofNeverComes.ChildWait?) -> Bool {
    guard let wait, world.descends(reader, from: process), !hasOtherThreads(process),
      wait.until + Self.margin >= until,
      min(wait.until, until) - min(min(wait.until, until), max(wait.since, since)) >= World.longWait
    else { return false }
    var line: [ProcessID] = [reader]
    while let next = world.parent(of: line.last!), next != process { line.append(next) }
    if wait.child > 0 { return line.contains { world.process($0)?.pid == wait.child } }
    return !world.processes.contains { child in
      guard child.parent == process, !line.contains(child.id) else { return false }
      return child.ended.map { $0 + World.longWait >= until } ?? true
    }
  }
}

extension Leaver {
  fileprivate var isByExit: Bool {
    if case .closedByExit = kind { return true }
    return false
  }
}
