// The time of lines, in ns since the first.

import Trace

struct LogClock {
  private static let day: UInt64 = 86_400_000_000_000

  private var style = TimeStyle.none
  private var base: UInt64 = 0
  private var last: UInt64 = 0
  /// Midnights that have passed.
  private var days: UInt64 = 0

  init() {}

  init(_ survey: Survey) {
    style = survey.style
    base = survey.style == .relative ? 0 : survey.firstTime
  }

  /// The time of a line; `line`: which it is, from 1. Without a time of its own it is that of the line before.
  mutating func read(_ head: LineHead, line: Int) -> Nanoseconds {
    switch style {
    case .none: return UInt64(line) * TraceHeader.lineTime
    case .relative:
      if head.style == .relative { last += head.time }
      return last
    case .epoch, .ofDay:
      guard head.style == style else { return last }
      return at(head.time)
    }
  }

  /// ns since the first line.
  mutating func at(_ time: UInt64) -> Nanoseconds {
    guard style == .ofDay || style == .epoch else { return time }
    var since = time &+ days * Self.day
    // Lines of one log are in order, so that a day has passed where they are not by hours.
    if style == .ofDay, since + Self.day / 2 < base + last {
      days += 1
      since += Self.day
    }
    let elapsed = since > base ? since - base : 0
    last = max(last, elapsed)
    return elapsed
  }
}
