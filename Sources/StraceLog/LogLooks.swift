// What a log shows of threads that turn without waiting: which calls they make between, and how long they are away from all calls. A
// recorder takes short looks at all calls for that; a log has them all, but strace's own time is in what is between them.

import Trace

/// A short look at the calls of one thread, as the recorder's (`LookCounter`).
struct LogLook {
  private static let length = 64
  /// Turns in a row that make a thread worth it.
  static let leastTurns = 256
  static let firstLeisure: Nanoseconds = 50_000_000
  static let longestLeisure: Nanoseconds = 1_000_000_000

  private struct Passage: Hashable {
    var from: Syscall
    var to: Syscall
  }

  private(set) var calls = 0
  private(set) var others = 0
  private var former: (syscall: Syscall, exited: Nanoseconds)?
  private var between: [Passage: [Nanoseconds]] = [:]

  var isOver: Bool { calls >= Self.length }

  mutating func note(_ named: NamedCall, result: Int64, entered: Nanoseconds, exited: Nanoseconds) {
    if let former {
      between[Passage(from: former.syscall, to: named.syscall), default: []].append(
        entered - min(entered, former.exited))
    }
    former = (named.syscall, exited)
    calls += 1
    if result < 0 { return }
    switch named.shape {
    case .epollWait, .epollPwait2, .poll, .ppoll, .select, .pselect: break
    case .transfer, .vector, .vectorAt, .send, .receive, .message, .messages, .accept, .splice, .sendfile:
      if result > 0 { others += 1 }
    default: if !named.syscall.isIdle { others += 1 }
    }
  }

  /// The longest of the frequent ways from one call to the next, ns: its first octile.
  var gap: Nanoseconds {
    let often = between.values.map(\.count).max() ?? 0
    return between.values.filter { $0.count * 2 >= often }.map { $0.sorted()[$0.count / 8] }.max() ?? 0
  }
}

/// How a thread turns.
struct LogTurns {
  var turns = 0
  var look: LogLook?
  var next: Nanoseconds = 0
  var leisure: Nanoseconds = 0
  var pastTimers = 0
  /// When its last call returned, and the times since then until the next, of so many calls.
  var lastExit: Nanoseconds?
  var gaps: [Nanoseconds] = []

  /// What lies between calls at the least, over a number of them: strace's own time. Any calls will do; most of a program's beginning
  /// has nothing between them.
  mutating func least(entered: Nanoseconds, exited: Nanoseconds) -> Nanoseconds? {
    defer { lastExit = exited }
    guard let lastExit else { return nil }
    gaps.append(entered - min(entered, lastExit))
    guard gaps.count == 64 else { return nil }
    gaps.sort()
    defer { gaps.removeAll(keepingCapacity: true) }
    return gaps[8]
  }
}

extension StraceReader {
  /// What strace itself takes between two calls differs by so much: less work than that a log does not show.
  private static let blur: Nanoseconds = 2_000
  /// As in FruitlessTurns.
  private static let noTimeout: Int64 = 1_000

  /// A call has returned that is told in the log with its time.
  func noteTurn(_ named: NamedCall, _ operation: Operation?, _ place: Int, result: Int64, entered: Nanoseconds) {
    guard survey.style != .none, survey.hasDurations else { return }
    let exited = entered + (reader.call.duration ?? 0)
    if let least = threads[place].turns.least(entered: entered, exited: exited) { leastGap = min(leastGap, least) }
    threads[place].turns.look?.note(named, result: result, entered: entered, exited: exited)
    if let look = threads[place].turns.look, look.isOver { tell(look, place) }
    guard let operation, let isTurn = isTurn(operation, result, place) else { return }
    guard isTurn else {
      threads[place].turns.turns = 0
      return
    }
    threads[place].turns.turns += 1
    guard threads[place].turns.turns >= LogLook.leastTurns, threads[place].turns.look == nil,
      now >= threads[place].turns.next
    else { return }
    let leisure = threads[place].turns.leisure
    threads[place].turns.leisure = leisure == 0 ? LogLook.firstLeisure : min(2 * leisure, LogLook.longestLeisure)
    threads[place].turns.next = now + threads[place].turns.leisure
    threads[place].turns.look = LogLook()
  }

  /// nil for a call that is neither a turn nor ends them.
  private func isTurn(_ operation: Operation, _ result: Int64, _ place: Int) -> Bool? {
    switch operation {
    case .wait(let wait): return result == 0 && wait.timeout >= 0 && wait.timeout < Self.noTimeout
    case .waitChild: return result <= 0
    case .transfer, .move, .accept, .connect, .lock: return result < 0
    case .sleep: return false
    case .setTimer:
      noteTimer(place)
      return nil
    default: return nil
    }
  }

  private func tell(_ look: LogLook, _ place: Int) {
    threads[place].turns.look = nil
    let work = max(Self.blur, look.gap - min(look.gap, leastGap))
    let values: [(LookCounter, UInt64)] = [
      (.calls, UInt64(look.calls)), (.others, UInt64(look.others)), (.stop, leastGap), (.work, work),
    ]
    for (counter, value) in values {
      tell(threads[place].id, .counter(name: intern(Array(counter.rawValue.utf8)), value: value))
    }
  }

  /// timerfd_settime(2) with a moment that has passed, as far as the arguments alone say so.
  private func noteTimer(_ place: Int) {
    var value = reader.arguments.argument(2)
    guard let found = value.find("it_value=") else { return }
    value.at = found + 9
    guard let moment = reader.arguments.time(value), moment != 0 else { return }
    guard moment < Self.noTimeout else {
      threads[place].turns.pastTimers = 0
      return
    }
    threads[place].turns.pastTimers += 1
    let count = threads[place].turns.pastTimers
    if count >= LogLook.leastTurns, count & (count - 1) == 0 {
      tell(
        threads[place].id,
        .counter(name: intern(Array(LookCounter.pastTimers.rawValue.utf8)), value: UInt64(count)))
    }
  }
}
