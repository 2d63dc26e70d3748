// busy-poll: a wait returns the same readiness again and again, and nobody consumes it. Report the spin first, then say
// who made the descriptor ready.
//
// Spared: waits between which bytes move, connections are accepted, timers are set anew; edge-triggered and one-shot
// entries, whose readiness the wait itself consumes; loops that rest between returns; objects whose data can be taken
// without a call (rings shared by mmap).

import Lineage
import Trace

struct BusyPoll {
  /// Returns without progress. Netty rebuilds its selector after 512 (io.netty.selectorAutoRebuildThreshold).
  static let threshold: UInt64 = 512
  /// The part of a spin's time that may be spent resting: above it the core is not burnt.
  private static let mostRest = 0.5
  /// A call that took longer than this was blocked; shorter ones are the cost of the call, and of tracing it.
  private static let instant: Nanoseconds = 1_000_000
  /// One return in so many may make progress (an own wakeup in between) without ending a spin.
  private static let tolerance: UInt64 = 8
  private static let evidenceKept = 3
  /// With a zero timeout the loop turns by its own will; it is the descriptor that spins it only if it does little else.
  private static let longestRound: Nanoseconds = 1_000_000

  private var streaks: [Key: Streak] = [:]
  private var threads: [ThreadID: Rest] = [:]
  private var finished: [Streak] = []

  private struct Key: Hashable {
    var thread: ThreadID
    /// The channel's serial; for a closed number 0.
    var channel: UInt32
    var fd: FD
  }

  /// How long a thread has rested, in all.
  private struct Rest {
    var total: Nanoseconds = 0
  }

  struct Streak {
    var thread: ThreadID
    var process: ProcessID
    var fd: FD
    var channel: UInt32
    var kind: ObjectKind?
    var creator: ThreadID?
    var returned: Readiness
    var returns: UInt64 = 0
    /// Returns since the object last made progress.
    var progress: UInt64 = 0
    var first: Nanoseconds
    var last: Nanoseconds
    var restAtStart: Nanoseconds
    var rest: Nanoseconds = 0
    var zeroTimeouts: UInt64 = 0
    /// Who made it ready, as far as the account of bytes tells.
    var culprit: Segment?
    /// Whether the culprit's own bytes are the next to be read, or others that were left over because of them.
    var isCulpritNext = true
    /// Who closed the last other end, for HUP and end of file.
    var closer: (thread: ThreadID, process: ProcessID, time: Nanoseconds)?
    var unread: UInt64 = 0
    var predates = false
    var evidence: [Evidence] = []
    var isBlind = false

    var isSpin: Bool {
      guard returns >= BusyPoll.threshold, !isBlind else { return false }
      let wall = last - first
      guard Double(rest) <= Double(wall) * BusyPoll.mostRest else { return false }
      if zeroTimeouts * 2 > returns, wall / returns > BusyPoll.longestRound { return false }
      return true
    }
  }

  mutating func observe(_ event: Event, arena: Arena, world: World, tables: TraceTables) {
    for channel in world.goneChannels { progressed(channel.serial, ends: true) }
    switch event.body {
    case .call(_, let result, let operation):
      guard event.phase != .begin else { return }
      rest(event, operation, world: world)
      switch operation {
      case .wait(let wait): returned(wait, event, arena: arena, world: world, tables: tables)
      case .close(let fd), .epollControl(_, 2, let fd, _, _), .duplicate(_, let fd, _):
        // Out of the wait set, or another open file now.
        if result.succeeded { endStreaks(of: event.thread, fd: fd, world: world) }
      case .epollControl: note(world)
      default: note(world)
      }
    case .end: endStreaks(of: event.thread)
    default: break
    }
  }

  /// Sleeps and calls that blocked are rest. A wait that returned something ready is none, however long it seemed: what
  /// nobody consumes is ready at once, and the rest is the scheduler's and the tracer's doing.
  private mutating func rest(_ event: Event, _ operation: Operation, world: World) {
    let took = event.exited - event.entered
    switch operation {
    case .wait where !world.ready.isEmpty: return
    case .sleep: break
    default: if took < Self.instant { return }
    }
    threads[event.thread, default: Rest()].total += took
  }

  private mutating func note(_ world: World) {
    switch world.effect.kind {
    case .read, .accept, .clear:
      if let channel = world.channel(world.effect.channel) { progressed(channel.serial, ends: false) }
    case .write:
      // A write is progress for whoever waits to write, and for nobody else.
      if let channel = world.channel(world.effect.channel) { wroteTo(channel.serial) }
    default: break
    }
  }

  private mutating func progressed(_ channel: UInt32, ends: Bool) {
    guard channel != 0 else { return }
    for key in streaks.keys where key.channel == channel {
      advance(key, ends: ends)
    }
  }

  private mutating func wroteTo(_ channel: UInt32) {
    for (key, streak) in streaks where key.channel == channel && streak.returned == .output {
      advance(key, ends: false)
    }
  }

  private mutating func advance(_ key: Key, ends: Bool) {
    guard var streak = streaks[key] else { return }
    streak.progress += 1
    if ends || streak.progress * Self.tolerance > streak.returns {
      finish(streak)
      streaks[key] = nil
    } else {
      streaks[key] = streak
    }
  }

  private mutating func finish(_ streak: Streak) {
    if streak.isSpin { finished.append(streak) }
  }

  private mutating func endStreaks(of thread: ThreadID, fd: FD, world: World) {
    guard let process = world.thread(thread)?.process else { return }
    for (key, streak) in streaks where key.fd == fd && streak.process == process {
      finish(streak)
      streaks[key] = nil
    }
  }

  private mutating func endStreaks(of thread: ThreadID) {
    for (key, streak) in streaks where key.thread == thread {
      finish(streak)
      streaks[key] = nil
    }
    threads[thread] = nil
  }

  private mutating func returned(
    _ wait: Wait, _ event: Event, arena: Arena, world: World, tables: TraceTables
  ) {
    guard let thread = world.thread(event.thread) else { return }
    // An inner epoll instance whose wait returns something is consumed like a read.
    if wait.isEpoll, !world.ready.isEmpty, let channel = world.channel(world.effect.channel) {
      progressed(channel.serial, ends: false)
    }
    var seen: [Key] = []
    for ready in world.ready where !ready.isEdge {
      let channel = world.channel(ready.channel)
      let key = Key(thread: event.thread, channel: channel?.serial ?? 0, fd: ready.fd)
      seen.append(key)
      var streak =
        streaks[key]
        ?? begin(ready, event, thread: thread, channel: channel, world: world)
      if streak.returned != ready.returned {
        finish(streak)
        streak = begin(ready, event, thread: thread, channel: channel, world: world)
      }
      streak.returns += UInt64(event.repeats)
      streak.last = event.exited
      streak.rest = (threads[event.thread]?.total ?? 0) - streak.restAtStart
      if wait.timeout == 0 { streak.zeroTimeouts += UInt64(event.repeats) }
      if streak.evidence.count < Self.evidenceKept {
        streak.evidence.append(world.evidence(event, arena: arena, tables))
      }
      if let channel {
        let queue = channel.incoming(at: world.file(ready.file)?.side ?? .both)
        streak.unread = queue.unread
        if ready.returned.contains(.input), let culprit = self.culprit(queue, owner: thread.process) {
          streak.culprit = culprit
          streak.isCulpritNext = queue.waiting.first?.process == culprit.process
        }
        streak.closer = channel.hungUp
      }
      streaks[key] = streak
    }
    // What this wait asked about and did not return was not ready: that streak is over.
    for (key, streak) in streaks where key.thread == event.thread && !seen.contains(key) {
      guard covers(wait, streak.fd, arena: arena, world: world, event: event) else { continue }
      finish(streak)
      streaks[key] = nil
    }
  }

  /// Whether the wait would have reported the descriptor, had it been ready.
  private func covers(_ wait: Wait, _ fd: FD, arena: Arena, world: World, event: Event) -> Bool {
    if wait.isEpoll {
      guard let instance = world.file(world.descriptor(wait.epoll, of: event.thread).file) else { return false }
      return instance.interest.entries.contains { $0.fd == fd } && world.ready.count < 64
    }
    return arena.waits(wait.entries).contains { $0.fd == fd }
  }

  private func begin(
    _ ready: Ready, _ event: Event, thread: ThreadState, channel: Channel?, world: World
  ) -> Streak {
    var streak = Streak(
      thread: event.thread, process: thread.process, fd: ready.fd, channel: channel?.serial ?? 0,
      kind: channel?.kind, creator: channel?.creator, returned: ready.returned, first: event.exited,
      last: event.exited, restAtStart: threads[event.thread]?.total ?? 0)
    streak.predates = channel?.predates ?? false
    // Data that can be taken without a call, and objects that the model does not know.
    let isKnown = channel != nil || ready.returned.contains(.invalid)
    streak.isBlind = !isKnown || world.process(thread.process)?.usesRing == true
    return streak
  }

  /// The write that keeps the queue ready: since it was last empty, the first by another process; else the first.
  private func culprit(_ queue: ByteQueue, owner: ProcessID) -> Segment? {
    guard queue.unread > 0 else { return nil }
    return queue.sinceEmpty.first { $0.process != owner } ?? queue.sinceEmpty.first
  }

  /// All spins, one per thread and object.
  mutating func conclude() -> [Streak] {
    for streak in streaks.values { finish(streak) }
    streaks = [:]
    var merged: [Streak] = []
    for streak in finished.sorted(by: { $0.first < $1.first }) {
      if let place = merged.firstIndex(where: {
        $0.thread == streak.thread && $0.channel == streak.channel && ($0.channel != 0 || $0.fd == streak.fd)
      }) {
        merged[place].returns += streak.returns
        merged[place].last = streak.last
        merged[place].culprit = merged[place].culprit ?? streak.culprit
        merged[place].closer = merged[place].closer ?? streak.closer
      } else {
        merged.append(streak)
      }
    }
    return merged
  }
}
