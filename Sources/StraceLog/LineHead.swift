// What stands before a line's call: the thread, and when.

/// How a log tells the time of a line.
enum TimeStyle: Sendable {
  case none
  /// -t, -tt: of the day.
  case ofDay
  /// -ttt: since 1970.
  case epoch
  /// -r: since the line before.
  case relative
}

/// The beginning of one line.
struct LineHead {
  /// nil where the line does not say.
  var tid: Int32?
  /// ns, as `style` says.
  var time: UInt64 = 0
  var style = TimeStyle.none
  /// Where what happened begins.
  var body = 0

  /// Reads `1234 `, `[pid 1234] `, then `10:20:30.123456 `, `1700000000.123456 ` or `0.000123 `; then what -i and -n put there.
  static func read(_ scanner: Scanner) -> LineHead {
    var scanner = scanner
    var head = LineHead()
    scanner.skipSpaces()
    if scanner.next == 0x5B, scanner.starts(with: "[pid") {
      var inner = scanner
      inner.at += 4
      inner.skipSpaces()
      if let tid = inner.decimal(), tid > 0, tid <= Int32.max {
        // The comm, with -Y.
        _ = inner.annotation()
        if inner.skip(0x5D) {
          head.tid = Int32(tid)
          inner.skipSpaces()
          scanner = inner
        }
      }
    }
    // The bracket was lost where the text was copied.
    if scanner.next == 0x70, scanner.starts(with: "pid ") {
      var inner = scanner
      inner.at += 4
      inner.skipSpaces()
      if let tid = inner.decimal(), tid > 0, tid <= Int32.max, inner.skip(0x5D) {
        head.tid = Int32(tid)
        inner.skipSpaces()
        scanner = inner
      }
    }
    var isTimed = false
    while scanner.next &- 0x30 < 10 {
      var inner = scanner
      guard let whole = inner.decimal() else { break }
      if inner.next == 0x20 || inner.next == 0x3C || inner.next == 0x09, head.tid == nil, !isTimed, whole > 0,
        whole <= Int32.max, !isEpoch(whole)
      {
        _ = inner.annotation()
        head.tid = Int32(whole)
      } else if !isTimed, let time = time(&inner, whole, &head) {
        head.time = time
        isTimed = true
      } else {
        break
      }
      guard inner.next == 0x20 || inner.next == 0x09 else { break }
      inner.skipSpaces()
      scanner = inner
    }
    // -tt with -r: (+     0.000123)
    if scanner.starts(with: "(+"), let close = scanner.find(")") {
      scanner.at = close + 1
      scanner.skipSpaces()
    }
    // -n: [   1]; -i: [00007f0000000000]
    while scanner.next == 0x5B {
      var inner = scanner
      inner.at += 1
      inner.skipSpaces()
      while Scanner.hexDigit(inner.next) != nil || inner.next == 0x3F, !inner.isAtEnd { inner.at += 1 }
      guard inner.skip(0x5D), inner.next == 0x20 else { break }
      inner.skipSpaces()
      scanner = inner
    }
    head.body = scanner.at
    return head
  }

  /// A pid column's number is never that large, and with -ttt and no fraction (-ttt of old) a time is.
  private static func isEpoch(_ number: UInt64) -> Bool { number >= 1_000_000_000 }

  private static func time(_ scanner: inout Scanner, _ whole: UInt64, _ head: inout LineHead) -> UInt64? {
    if scanner.next == 0x3A {
      scanner.at += 1
      guard let minutes = scanner.decimal(), scanner.skip(0x3A), let seconds = scanner.decimal(), whole < 100,
        minutes < 60, seconds < 62
      else { return nil }
      head.style = .ofDay
      return (whole * 3600 + minutes * 60 + seconds) * 1_000_000_000 + fraction(&scanner)
    }
    guard whole < 1 << 33 else { return nil }
    if scanner.next == 0x2E {
      head.style = isEpoch(whole) ? .epoch : .relative
      return whole * 1_000_000_000 + fraction(&scanner)
    }
    guard isEpoch(whole), scanner.next == 0x20 else { return nil }
    head.style = .epoch
    return whole * 1_000_000_000
  }

  /// `.123456` in ns; 0 where there is none.
  static func fraction(_ scanner: inout Scanner) -> UInt64 {
    guard scanner.next == 0x2E, scanner.peek(1) &- 0x30 < 10 else { return 0 }
    scanner.at += 1
    var value: UInt64 = 0
    var unit: UInt64 = 1_000_000_000
    while scanner.next &- 0x30 < 10 {
      if unit > 1 {
        unit /= 10
        value += UInt64(scanner.next &- 0x30) * unit
      }
      scanner.at += 1
    }
    return value
  }
}
