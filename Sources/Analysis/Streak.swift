// A streak: a thread is told again and again that a descriptor is ready, and nobody consumes what is there.

import Lineage
import Trace

struct Streak {
  /// Returns without progress. Netty rebuilds its selector after 512 (io.netty.selectorAutoRebuildThreshold).
  static let threshold: UInt64 = 512
  /// The part of its time that a spinning thread may rest: above it the core is not burnt.
  private static let mostRest = 0.5
  /// With a zero timeout a loop turns by its own will. It is the descriptor that spins it only if it does nothing else: this is
  /// more than a turn of an empty loop takes outside of its calls, under trace.
  private static let mostWork: Nanoseconds = 150_000

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
  /// Who made it ready, as far as the account of bytes tells.
  var culprit: Segment?
  /// Whether the culprit's own bytes are the next to be read, or others that were left over because of them.
  var isCulpritNext = true
  /// Who closed the last other end, for HUP, ERR and end of file.
  var closer: Closer?
  var predates = false
  /// What waited in it when the trace began, and was there still when the streak began.
  var waitingBefore: UInt64 = 0
  var evidence: [Evidence] = []
  /// Consumption would not be seen (io_uring, or an object that the model does not know).
  var isBlind = false

  /// Whether the thread did little else. How many returns that took is another question.
  var isHot: Bool {
    guard !isBlind, returns > 0 else { return false }
    let wall = last - first
    guard Double(rest) <= Double(wall) * Self.mostRest else { return false }
    let work = wall - min(wall, inCalls)
    return zeroTimeouts * 2 <= returns || work / returns <= Self.mostWork
  }

  /// All spins among the streaks, in order of time, one per process and object. Threads of a pool that take turns on one
  /// object spin together: theirs is named after the one that turned most.
  static func spins(_ streaks: [Streak]) -> [Streak] {
    var merged: [Streak] = []
    let hot = streaks.filter(\.isHot).sorted { $0.first < $1.first }
    for streak in hot where streak.returns >= threshold {
      if let place = merged.firstIndex(where: { $0.isSameObject(as: streak) }) {
        merged[place].add(streak)
      } else {
        merged.append(streak)
      }
    }
    var pools: [(sum: Streak, threads: [ThreadID])] = []
    for streak in hot where streak.returns < threshold && !merged.contains(where: { $0.isSameObject(as: streak) }) {
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
