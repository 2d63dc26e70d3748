// How one thread's calls are seen to repeat, and how far: what the writer folds them by.

/// A call as far as repeating goes: what it asked for (by its number among the chunk's bodies), and what came of it.
struct RepeatedCall: Equatable {
  var body: Int32
  var result: Int64
}

/// The last calls of a thread (times in ticks) that changed nothing, and the run that they have become.
struct Repetition {
  static let longestCycle = 4
  /// A call that rested longer does not go in turns with others, where its moment would be lost.
  static let quick: UInt64 = 20_000_000 / TraceFormat.tick
  /// So many rounds are written one by one before a run begins, since a run's record is as long as four others.
  private static let rounds = [0, 4, 3, 2, 2]
  private static let mask = 7

  /// The writer's count of disturbances when this was true; of an older one nothing counts any more.
  private var epoch: UInt64 = 0
  private var calls = [RepeatedCall](repeating: RepeatedCall(body: -1, result: 0), count: mask + 1)
  private var rested = [Bool](repeating: false, count: mask + 1)
  private var count = 0
  var run: Run?

  /// Forgets all, if there was a disturbance since.
  mutating func enter(_ epoch: UInt64) {
    guard self.epoch != epoch else { return }
    self.epoch = epoch
    forget()
  }

  mutating func forget() {
    run = nil
    count = 0
  }

  /// Notes a call that was written by itself.
  mutating func note(_ call: RepeatedCall, rested: Bool) {
    calls[count & Self.mask] = call
    self.rested[count & Self.mask] = rested
    count += 1
  }

  /// The last call is the 0th.
  private func call(_ back: Int) -> RepeatedCall { calls[(count - 1 - back) & Self.mask] }

  /// The length of the cycle of which `next` begins another round, or 0.
  func cycle(with next: RepeatedCall, rested: Bool) -> Int {
    for length in 1...Self.longestCycle {
      let needed = length * Self.rounds[length]
      guard count >= needed else { break }
      guard next == call(length - 1), (0..<needed - length).allSatisfy({ call($0) == call($0 + length) }) else {
        continue
      }
      if length == 1 { return 1 }
      guard !rested, (0..<needed).allSatisfy({ !self.rested[(count - 1 - $0) & Self.mask] }) else { continue }
      return length
    }
    return 0
  }

  /// The calls of a round, in order, if the next one begins it.
  func round(of length: Int) -> [RepeatedCall] { (0..<length).reversed().map { call($0) } }
}

/// A cycle of calls that goes on, with a record for each.
struct Run {
  /// One call of the cycle, and where the numbers of its record stand in the chunk's body.
  struct Part {
    var call: RepeatedCall
    /// Of the time difference and the duration, where these are not yet known when the record is written.
    var timeOffset = -1
    /// Of repeats, span and inside.
    var countOffset: Int
    var repeats: UInt32 = 0
    var first: UInt64 = 0
    var inside: UInt64 = 0
  }

  var parts: [Part]
  /// What the time differences are counted from.
  var base: UInt64
  var next = 0

  /// Whether a call goes on with the run. Numbers that do not fit their place end it (after years).
  func continues(with call: RepeatedCall, exited: UInt64, rested: Bool) -> Bool {
    parts[next].call == call && (parts.count == 1 || !rested) && parts[next].repeats < .max
      && exited >= base && exited - base < 1 << 54 && exited < 1 << 54 && exited >= parts[next].first
      && parts[next].inside < 1 << 54
  }
}
