// Calls that the program's own output, or a mail's margin, has cut in two.

import Trace

extension StraceReader {
  /// The next line of a thread whose last call had no result: that stays so.
  func closeBroken(_ place: Int, line: Scanner) {
    guard brokenThread == place else { return }
    noteBroken()
    endBroken(place)
  }

  /// Of a call that the log does not end nothing is known but that it was made.
  func endBroken(_ place: Int) {
    threads[place].call = nil
  }

  /// Whether the line holds the rest of the thread's call: `) = 6`, wherever the program's output ends.
  func mend(_ place: Int, with line: Scanner) -> Bool {
    guard let open = threads[place].call else {
      brokenThread = nil
      noteBrokenLines()
      return false
    }
    var candidates: [Int] = [line.at]
    var search = line
    while let found = search.find(")") {
      if Self.isResult(line, behind: found) { candidates.insert(found, at: 0) }
      search.at = found + 1
    }
    for start in candidates {
      // A mail is wrapped at spaces, and these are gone.
      let isWrapped = start == line.at && open.text.last == 0x2C && line.next != 0x20
      let whole = open.text + (isWrapped ? [0x20] : []) + line.text(start..<line.end)
      if completes(whole, place) { return true }
      // A literal that the output has cut.
      let closed = Self.closed(open.text) + line.text(start..<line.end)
      if start != line.at, completes(closed, place) { return true }
    }
    // A line that was wrapped more than once.
    if open.text.count < 4096 {
      if open.text.last == 0x2C, line.next != 0x20 { threads[place].call!.text.append(0x20) }
      threads[place].call!.text += line.text(line.rest)
    }
    return false
  }

  private static func isResult(_ line: Scanner, behind close: Int) -> Bool {
    var scanner = line
    scanner.at = close + 1
    scanner.skipSpaces()
    guard scanner.skip(0x3D), scanner.next == 0x20 else { return false }
    scanner.skipSpaces()
    return scanner.next == 0x3F || scanner.number() != nil
  }

  /// What follows the third argument's digits is the program's own output.
  private static func closed(_ text: [UInt8]) -> [UInt8] {
    var end = text.count
    while end > 0, text[end - 1] &- 0x30 >= 10 { end -= 1 }
    return Array(text[..<end])
  }

  private func completes(_ text: [UInt8], _ place: Int) -> Bool {
    let isWhole = text.withUnsafeBufferPointer { bytes -> Bool in
      guard let base = bytes.baseAddress else { return false }
      reader.arguments.read(Scanner(base, 0..<bytes.count))
      return reader.call.ending != .broken
    }
    guard isWhole else { return false }
    endMending()
    release(until: now)
    guard threads[place].call!.isTold else {
      retell(text, place)
      return true
    }
    threads[place].call!.text = text
    if reader.call.ending == .whole {
      endCall(place)
    } else {
      threads[place].call!.text = Self.trimmed(text)
    }
    return true
  }

  /// A call that was in pieces, of which nothing was told yet.
  private func retell(_ text: [UInt8], _ place: Int) {
    guard let open = threads[place].call, let shape = open.named.shape else { return }
    threads[place].call = nil
    text.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      let body = Scanner(base, 0..<bytes.count)
      reader.arguments.read(body)
      if reader.call.ending == .whole {
        whole(open.named, shape, place, body)
      } else {
        begin(open.named, shape, place, body, text: Self.begun(body))
      }
    }
  }

  /// Threads that the log leaves inside of a call that is no event.
  func tellSilent() {
    for place in threads.indices where !threads[place].hasEnded && threads[place].call == nil {
      guard let silent = threads[place].silent else { continue }
      tellBegin(
        NamedCall(syscall: silent.syscall, shape: .plain), .plain, place, text: [], entered: silent.entered)
    }
  }

  /// Processes that the log leaves stopped: they do nothing until somebody lets them go on.
  func tellStopped() {
    for place in threads.indices where !threads[place].hasEnded {
      guard let signal = threads[place].stoppedBy else { continue }
      let name = [19: "SIGSTOP", 20: "SIGTSTP", 21: "SIGTTIN", 22: "SIGTTOU"][signal] ?? "signal \(signal)"
      sayOnce(
        .log, "pid \(threads[place].record.pid) is stopped by \(name) where it ends, and does nothing until SIGCONT",
        place)
    }
  }
}
