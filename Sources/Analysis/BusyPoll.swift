// busy-poll: a wait returns the same readiness again and again, and nobody consumes it. Report the spin first, then say
// who made the descriptor ready.
//
// Spared: waits between which bytes move, connections are accepted, timers are set anew, or another descriptor of the same
// wait makes progress; edge-triggered and one-shot entries, whose readiness the wait itself consumes; loops that rest
// between returns; objects whose data can be taken without a call (rings shared by mmap); returns for a number whose reads
// the tracer did not stop at.

import Lineage
import Trace

struct BusyPoll {
  /// A call other than a wait that took longer than this was blocked; shorter ones are the cost of the call, under trace.
  private static let instant: Nanoseconds = 300_000
  /// One return in so many may make progress (an own wakeup in between) without ending a streak.
  private static let tolerance: UInt64 = 8
  /// Streaks that ended with fewer returns are forgotten, unless they are many.
  private static let leastKept: UInt64 = 64
  private static let mostKept = 4096
  private static let evidenceKept = 3

  private var streaks: [Key: Streak] = [:]
  /// The keys in `streaks`, by channel and by thread: what an event concerns is found without a look at all others.
  private var ofChannel: [UInt32: Set<Key>] = [:]
  private var ofThread: [ThreadID: Set<Key>] = [:]
  private var turns: [ThreadID: Turn] = [:]
  private var finished: [Streak] = []

  private struct Key: Hashable {
    var thread: ThreadID
    /// The channel's serial; for a closed number 0.
    var channel: UInt32
    var side: Side
    var fd: FD
  }

  /// What a thread has been doing, and what its last wait returned.
  private struct Turn {
    /// Time resting and in calls, in all, ns.
    var rest: Nanoseconds = 0
    var inCalls: Nanoseconds = 0
    /// Of these, what the last event's calls took after its first: a streak that begins with a run begins with its first call.
    var laterRest: Nanoseconds = 0
    var laterInCalls: Nanoseconds = 0
    /// What the last wait returned, until the next one: progress on one of them excuses the others.
    var ready: [Key] = []
    var progressed: [Key] = []
  }

  mutating func observe(_ event: Event, arena: Arena, world: World, tables: TraceTables) {
    for channel in world.goneChannels {
      for key in ofChannel[channel.serial] ?? [] { end(key) }
    }
    switch event.body {
    case .call(let syscall, let result, let operation):
      guard event.phase != .begin else { return }
      // sigtimedwait takes the signals that a signalfd reports.
      if syscall == .rtSigtimedwait, result.rawValue > 0, let process = world.thread(event.thread)?.process {
        for (key, streak) in streaks where streak.kind == .signalfd && streak.process == process { end(key) }
      }
      account(event, operation, world: world)
      switch operation {
      case .wait(let wait): returned(wait, event, arena: arena, world: world, tables: tables)
      case .close(let fd), .epollControl(_, 2, let fd, _, _), .duplicate(_, let fd, _):
        // Out of the wait set, or another open file now.
        if result.succeeded { endStreaks(ofProcessOf: event.thread, fd: fd, world: world) }
      default:
        note(world.effect, event, arena: arena, world: world, tables: tables)
        note(world.farEffect, event, arena: arena, world: world, tables: tables)
      }
    case .end:
      for key in ofThread[event.thread] ?? [] { end(key) }
      turns[event.thread] = nil
    default: break
    }
  }

  /// Sleeps, waits that ended by their timeout, and calls that blocked are rest. A wait that returned something ready is none,
  /// however long it seemed: what nobody consumes is ready at once, and the rest is the scheduler's and the tracer's doing.
  private mutating func account(_ event: Event, _ operation: Operation, world: World) {
    let took = event.timeInside
    let later = took - min(took, event.firstReturn - min(event.firstReturn, event.entered))
    let isRest =
      switch operation {
      case .wait: world.ready.isEmpty
      case .sleep: true
      default: event.meanTime >= Self.instant
      }
    var turn = turns[event.thread] ?? Turn()
    turn.inCalls += took
    turn.laterInCalls = later
    turn.rest += isRest ? took : 0
    turn.laterRest = isRest ? later : 0
    turns[event.thread] = turn
    if event.cycle > 1 { accountTurns(event, isRest: isRest) }
  }

  /// Calls that go in turns with those of a streak, and come behind them in the trace, were made between them.
  private mutating func accountTurns(_ event: Event, isRest: Bool) {
    guard let turn = turns[event.thread] else { return }
    for key in ofThread[event.thread] ?? [] {
      guard let streak = streaks[key], streak.last >= event.firstReturn else { continue }
      let after = event.exited > streak.last ? event.meanTime : 0
      streaks[key]!.inCalls = turn.inCalls - streak.inCallsBefore - after
      streaks[key]!.rest = turn.rest - streak.restBefore - (isRest ? after : 0)
    }
  }

  // MARK: Progress

  private mutating func note(_ effect: Effect, _ event: Event, arena: Arena, world: World, tables: TraceTables) {
    guard let channel = world.channel(effect.channel), let side = world.file(effect.file)?.side else { return }
    switch effect.kind {
    case .read, .accept, .clear:
      // What a thread wrote itself and reads again is no work of which others could be the reason.
      let isOwn = !world.taken.isEmpty && world.taken.allSatisfy { $0.writer == event.thread }
      progressed(on: channel, at: side, written: false, excuses: !isOwn, times: event.repeats)
    case .write: progressed(on: channel, at: side, written: true, excuses: true, times: event.repeats)
    case .endOfFile:
      readNothing(effect, event, channel: channel, side: side, arena: arena, world: world, tables: tables)
    default: break
    }
  }

  /// A read is progress for whoever was told that there is input at that end; a write for whoever was told that there is room.
  private mutating func progressed(
    on channel: Channel, at side: Side, written: Bool, excuses: Bool, times: UInt32
  ) {
    for key in ofChannel[channel.serial] ?? [] where channel.isSameInput(key.side, side) {
      guard var streak = streaks[key], !written || streak.returned.contains(.output) else { continue }
      streak.progress += UInt64(times)
      streaks[key] = streak
      if excuses, turns[key.thread]?.ready.contains(key) == true { turns[key.thread]!.progressed.append(key) }
      if streak.progress * Self.tolerance > streak.returns { end(key) }
    }
  }

  /// The thread goes back to wait: where it was told of several descriptors and one of them made progress, it was not idle.
  private mutating func settle(_ thread: ThreadID) {
    guard let turn = turns[thread], !turn.ready.isEmpty else { return }
    if !turn.progressed.isEmpty {
      for key in turn.ready where !turn.progressed.contains(key) {
        guard let streak = streaks[key] else { continue }
        streaks[key]!.returns = streak.returns - min(streak.returns, 1)
      }
    }
    turns[thread]!.ready.removeAll(keepingCapacity: true)
    turns[thread]!.progressed.removeAll(keepingCapacity: true)
  }

  // MARK: Streaks

  private mutating func end(_ key: Key) {
    guard let streak = streaks.removeValue(forKey: key) else { return }
    ofThread[key.thread]?.remove(key)
    ofChannel[key.channel]?.remove(key)
    if ofChannel[key.channel]?.isEmpty == true { ofChannel[key.channel] = nil }
    if streak.returns >= Streak.threshold || streak.returns >= Self.leastKept && finished.count < Self.mostKept {
      finished.append(streak)
    }
  }

  private mutating func endStreaks(ofProcessOf thread: ThreadID, fd: FD, world: World) {
    guard let process = world.process(of: thread) else { return }
    for other in process.threads {
      for key in ofThread[other] ?? [] where key.fd == fd { end(key) }
    }
  }

  private mutating func returned(_ wait: Wait, _ event: Event, arena: Arena, world: World, tables: TraceTables) {
    guard let thread = world.thread(event.thread) else { return }
    settle(event.thread)
    // An inner epoll instance whose wait returns something is consumed like a read.
    if wait.isEpoll, !world.ready.isEmpty, let channel = world.channel(world.effect.channel) {
      progressed(on: channel, at: .both, written: false, excuses: true, times: event.repeats)
    }
    var seen: Set<Key> = []
    // Something else may make progress where nobody looks: that excuses the others, as seen progress would.
    let isSure = world.ready.allSatisfy { $0.isEdge || $0.isSeen }
    for ready in world.ready where !ready.isEdge && ready.isSeen {
      let channel = world.channel(ready.channel)
      let side = world.file(ready.file)?.side ?? .both
      let key = Key(thread: event.thread, channel: channel?.serial ?? 0, side: side, fd: ready.fd)
      seen.insert(key)
      if let known = streaks[key], known.returned.isDisjoint(with: ready.returned) || known.isReading { end(key) }
      let times = Self.times(event, isNew: streaks[key] == nil)
      var streak =
        streaks[key]
        ?? begin(key, ready.returned, event, process: thread.process, channel: channel, world: world)
      streak.returned.formIntersection(ready.returned)
      if isSure { count(event, times, channel: channel, into: &streak, arena: arena, world: world, tables: tables) }
      if wait.timeout == 0 { streak.zeroTimeouts += times }
      streaks[key] = streak
    }
    turns[event.thread]!.ready.append(contentsOf: seen)
    // What this wait asked about and did not return was not ready: that streak is over.
    for key in ofThread[event.thread] ?? [] where !seen.contains(key) && streaks[key]?.isReading == false {
      if covers(wait, key.fd, arena: arena, world: world, thread: event.thread) { end(key) }
    }
  }

  /// Reads that return 0 without a wait between them: the end of the file is not taken for an answer.
  private mutating func readNothing(
    _ effect: Effect, _ event: Event, channel: Channel, side: Side, arena: Arena, world: World, tables: TraceTables
  ) {
    guard let thread = world.thread(event.thread) else { return }
    let key = Key(thread: event.thread, channel: channel.serial, side: side, fd: effect.fd)
    // After a wait that reported it, the read belongs to that streak.
    if let known = streaks[key], !known.isReading { return }
    let times = Self.times(event, isNew: streaks[key] == nil)
    var streak =
      streaks[key] ?? begin(key, [.hangup, .input], event, process: thread.process, channel: channel, world: world)
    streak.isReading = true
    count(event, times, channel: channel, into: &streak, arena: arena, world: world, tables: tables)
    streaks[key] = streak
  }

  /// How often the event's call counts for a streak. Rounds of a cycle come singly before they are folded, so a streak that is not
  /// there when the run begins is ended by another call in each round.
  private static func times(_ event: Event, isNew: Bool) -> UInt64 {
    event.cycle > 1 && isNew ? 1 : UInt64(event.repeats)
  }

  private func count(
    _ event: Event, _ times: UInt64, channel: Channel?, into streak: inout Streak, arena: Arena, world: World,
    tables: TraceTables
  ) {
    streak.returns += times
    streak.last = times < event.repeats ? event.firstReturn : event.exited
    if let turn = turns[event.thread] {
      streak.rest = turn.rest - streak.restBefore
      streak.inCalls = turn.inCalls - streak.inCallsBefore
    }
    if streak.evidence.count < Self.evidenceKept {
      streak.evidence.append(world.evidence(event, arena: arena, tables))
    }
    guard let channel else { return }
    let queue = channel.incoming(at: streak.side)
    if streak.returned.contains(.input), queue.unread > 0, !channel.hasUnseenReads {
      // The write that keeps the queue ready: since it was last empty the first by another process, else the first.
      let culprit = queue.sinceEmpty.first { $0.process != streak.process } ?? queue.sinceEmpty.first
      streak.culprit = culprit
      streak.isCulpritNext = queue.waiting.first?.process == culprit?.process
    }
    streak.closer = streak.side == .write ? channel.unheard : channel.hungUp
  }

  private mutating func begin(
    _ key: Key, _ returned: Readiness, _ event: Event, process: ProcessID, channel: Channel?, world: World
  ) -> Streak {
    ofThread[key.thread, default: []].insert(key)
    ofChannel[key.channel, default: []].insert(key)
    var streak = Streak(
      thread: key.thread, process: process, fd: key.fd, channel: key.channel, side: key.side, kind: channel?.kind,
      creator: channel?.creator, returned: returned, first: event.firstReturn, last: event.exited,
      restBefore: turns[key.thread].map { $0.rest - $0.laterRest } ?? 0,
      inCallsBefore: turns[key.thread].map { $0.inCalls - $0.laterInCalls } ?? 0)
    streak.predates = channel?.predates ?? false
    streak.waitingBefore = channel?.incoming(at: key.side).before ?? 0
    let isKnown = channel != nil || returned.contains(.invalid)
    streak.isBlind = !isKnown || world.process(process)?.usesRing == true
    return streak
  }

  /// Whether the wait would have reported the descriptor, had it been ready.
  private func covers(_ wait: Wait, _ fd: FD, arena: Arena, world: World, thread: ThreadID) -> Bool {
    if wait.isEpoll {
      // A result as long as was allowed says nothing of the rest.
      if wait.capacity > 0, world.ready.count >= Int(wait.capacity) { return false }
      guard let instance = world.file(world.descriptor(wait.epoll, of: thread).file) else { return false }
      return instance.interest.entries.contains { $0.fd == fd }
    }
    return arena.waits(wait.entries).contains { $0.fd == fd }
  }

  /// All spins.
  mutating func conclude() -> [Streak] {
    for key in streaks.keys { end(key) }
    return Streak.spins(finished)
  }
}
