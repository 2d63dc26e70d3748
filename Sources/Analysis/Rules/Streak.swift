// A streak: a thread is told again and again that a descriptor is ready, and nobody consumes what is there.

import Lineage
import Trace

/// The events by which a streak began, as they are: most streaks end at once, and are never put into words.
struct FirstReturns {
  private static let most = 3

  private var events: ContiguousArray<Event> = []
  private var count = 0
  /// The wait sets of the events, one after the other: of what begins streaks, only waits have variable parts that are shown.
  private var waits: ContiguousArray<WaitEntry> = []

  @inline(__always)
  mutating func note(_ event: Event, arena: Arena) {
    if count < Self.most { keep(event, arena: arena) }
  }

  private mutating func keep(_ event: Event, arena: Arena) {
    // Of the streak before.
    if count == 0, !waits.isEmpty { waits.removeLast(waits.count) }
    if count < events.count {
      events[count] = event
    } else {
      events.append(event)
    }
    if case .call(let syscall, let result, .wait(var wait)) = event.body {
      let offset = waits.count
      for place in wait.entries.indices { waits.append(arena.waits[place]) }
      wait.entries = ArenaRange(offset: offset, count: waits.count - offset)
      events[count].body = .call(syscall, result, .wait(wait))
    }
    count += 1
  }

  /// For another streak, in the same storage.
  @inline(__always)
  mutating func clear() { count = 0 }

  /// Takes over what was kept before there was a streak.
  mutating func take(_ other: FirstReturns) {
    count = other.count
    events = other.events
    waits = other.waits
  }

  func evidence(_ world: World, _ tables: TraceTables) -> [Evidence] {
    var arena = Arena()
    arena.waits = Array(waits)
    return events[..<count].map { event in
      var event = event
      // Nothing else was kept.
      if case .call(let syscall, let result, .transfer(var transfer)) = event.body {
        transfer.payload = .empty
        transfer.passed = .empty
        event.body = .call(syscall, result, .transfer(transfer))
      }
      return world.evidence(event, arena: arena, tables)
    }
  }
}

struct Streak {
  /// Returns without progress. Netty rebuilds its selector after 512 (io.netty.selectorAutoRebuildThreshold).
  static let threshold: UInt64 = 512
  /// So many in a part of a log, if its thread's waits are hardly anything else.
  static let leastOfExcerpt: UInt64 = 10
  /// The part of its time that a spinning thread may rest: above it the core is not burnt.
  private static let mostRest = 0.5
  /// How long a thread may be told of what another one of its process is to read.
  private static let lookingOn: Nanoseconds = 1_000_000_000
  /// With a zero timeout a loop turns by its own will. It is the descriptor that spins it only if it does nothing else: this is
  /// more than a turn of an empty loop takes outside of its calls, under trace.
  private static let mostWork: Nanoseconds = 150_000
  /// In a part of a log that shows nothing else, strace's own time is between the calls: some 0.2 ms each, more without -T.
  private static let mostWorkOfExcerpt: Nanoseconds = 1_000_000

  var thread: ThreadID
  var process: ProcessID
  var fd: FD
  /// The channel's serial; 0 for a closed number.
  var channel: UInt32
  var side: Side
  var kind: ObjectKind?
  var creator: ThreadID?
  /// What all of the returns had in common.
  var returned: Readiness
  /// Reads of 0 with no wait between them, not waits.
  var isReading = false
  var returns: UInt64 = 0
  /// How often the object made progress meanwhile.
  var progress: UInt64 = 0
  var first: Nanoseconds
  var last: Nanoseconds
  /// How long the thread rested and was inside of calls during the streak, ns.
  var rest: Nanoseconds = 0
  var inCalls: Nanoseconds = 0
  /// The thread's totals when the streak began.
  var restBefore: Nanoseconds
  var inCallsBefore: Nanoseconds
  var zeroTimeouts: UInt64 = 0
  /// Reads that returned 0 between the waits.
  var ends: UInt64 = 0
  /// Who made it ready, as far as the account of bytes tells.
  var culprit: Segment?
  /// Whether the culprit's own bytes are the next to be read, or others that were left over because of them.
  var isCulpritNext = true
  /// Who closed the last other end, for HUP, ERR and end of file.
  var closer: Closer?
  var predates = false
  /// It is nearly all that a part of a log shows of its thread.
  var isAll = false
  /// What waited in it when the trace began, and was there still when the streak began.
  var waitingBefore: UInt64 = 0
  /// The first of its returns.
  var firsts = FirstReturns()
  /// Consumption would not be seen (io_uring, or an object that the model does not know).
  var isBlind = false
  /// Another thread of the process, which had read it before, read it meanwhile.
  var isServed = false
  /// The last wait that returned it, by the rule's own count.
  var wait: UInt64 = 0
  /// The thread's last wait returned it, and that there was progress since then.
  var isInTurn = false
  var hasProgressed = false
  var links = StreakPool.Links()

  /// How a streak begins.
  struct Beginning {
    var thread: ThreadID
    var process: ProcessID
    var fd: FD
    var channel: UInt32
    var side: Side
    var kind: ObjectKind?
    var creator: ThreadID?
    var returned: Readiness
    var time: Nanoseconds
    var rest: Nanoseconds
    var inCalls: Nanoseconds
    var predates: Bool
    var waitingBefore: UInt64
    var isBlind: Bool
  }

  init(_ beginning: Beginning) {
    thread = beginning.thread
    process = beginning.process
    fd = beginning.fd
    channel = beginning.channel
    side = beginning.side
    kind = beginning.kind
    creator = beginning.creator
    returned = beginning.returned
    first = beginning.time
    last = beginning.time
    restBefore = beginning.rest
    inCallsBefore = beginning.inCalls
    predates = beginning.predates
    waitingBefore = beginning.waitingBefore
    isBlind = beginning.isBlind
  }

  /// Another streak in the same storage.
  mutating func restart(_ beginning: Beginning) {
    thread = beginning.thread
    process = beginning.process
    fd = beginning.fd
    channel = beginning.channel
    side = beginning.side
    kind = beginning.kind
    creator = beginning.creator
    returned = beginning.returned
    isReading = false
    isAll = false
    returns = 0
    progress = 0
    first = beginning.time
    last = beginning.time
    rest = 0
    inCalls = 0
    restBefore = beginning.rest
    inCallsBefore = beginning.inCalls
    zeroTimeouts = 0
    ends = 0
    culprit = nil
    isCulpritNext = true
    closer = nil
    predates = beginning.predates
    waitingBefore = beginning.waitingBefore
    firsts.clear()
    isServed = false
    isBlind = beginning.isBlind
    wait = 0
    isInTurn = false
    hasProgressed = false
  }

  /// Nearly each return was followed by a read of 0.
  var isAtEnd: Bool { !isReading && ends > 0 && (ends + 2) * 4 >= returns * 3 }

  /// What has no channel is a file or device, or a closed number.
  var isFile: Bool { channel == 0 && kind != nil && !isUnnamed }

  /// An entry of the epoll instance `fd` whose descriptor nobody knows.
  var isUnnamed: Bool { channel == 0 && kind == .epoll }

  @inline(__always)
  func isOf(_ thread: ThreadID, _ side: Side, _ fd: FD) -> Bool {
    self.thread == thread && self.side == side && self.fd == fd
  }

  /// There are too few returns to be sure that it goes on.
  var isShort: Bool { returns < Self.threshold }

  /// Whether the thread did little else. How many returns that took is another question.
  var isHot: Bool {
    guard !isBlind, returns > 0 else { return false }
    // What is taken from a file by pread or mmap is not seen; that the file is at its end is.
    if isFile, ends * 2 < returns { return false }
    let wall = last.less(first)
    guard Double(rest) <= Double(wall) * Self.mostRest else { return false }
    let work = wall - min(wall, inCalls)
    return zeroTimeouts * 2 <= returns || work / returns <= (isAll ? Self.mostWorkOfExcerpt : Self.mostWork)
  }

  /// All spins among the streaks, in order of time, one per process and object. Threads of a pool that take turns on one
  /// object spin together: theirs is named after the one that turned most.
  static func spins(_ streaks: [Streak]) -> [Streak] {
    var merged: [Streak] = []
    let hot = withoutLookingOn(streaks.filter(\.isHot).sorted { $0.first < $1.first })
    for streak in hot where streak.returns >= threshold || streak.isAll {
      if let place = merged.firstIndex(where: { $0.isSameObject(as: streak) }) {
        merged[place].add(streak)
      } else {
        merged.append(streak)
      }
    }
    var pools: [(sum: Streak, threads: [ThreadID])] = []
    for streak in hot
    where streak.returns < threshold && !streak.isAll && !merged.contains(where: { $0.isSameObject(as: streak) }) {
      // A thread's own streaks were ended by progress, and are no longer spin than each; other threads' add up.
      if let place = pools.firstIndex(where: { $0.sum.isSameObject(as: streak) && streak.first <= $0.sum.last }) {
        guard !pools[place].threads.contains(streak.thread) else { continue }
        pools[place].sum.add(streak)
        pools[place].threads.append(streak.thread)
      } else {
        pools.append((streak, [streak.thread]))
      }
    }
    merged += pools.map(\.sum).filter { $0.returns >= threshold }
    return merged.sorted { $0.first < $1.first }
  }

  /// Without those of a thread that was told of what another thread was about to read, as that one's turn came late: but those stay
  /// that go on, or come again and again.
  private static func withoutLookingOn(_ streaks: [Streak]) -> [Streak] {
    streaks.filter { streak in
      guard streak.isServed, streak.last.less(streak.first) < lookingOn else { return true }
      let alike = streaks.filter { $0.isServed && $0.isSameObject(as: streak) }
      let total = alike.reduce(0) { $0 + $1.last.less($1.first) }
      let span = alike.reduce(0) { max($0, $1.last) }.less(alike[0].first)
      return total >= lookingOn && total * 2 >= span
    }
  }

  private mutating func add(_ other: Streak) {
    if other.returns > returns { thread = other.thread }
    returns += other.returns
    last = max(last, other.last)
    culprit = culprit ?? other.culprit
    closer = closer ?? other.closer
  }

  private func isSameObject(as other: Streak) -> Bool {
    process == other.process && channel == other.channel && side == other.side && (channel != 0 || fd == other.fd)
      && isReading == other.isReading && !returned.isDisjoint(with: other.returned)
  }
}
