// Texts that strace or a shell has made of a log's calls, and that hold none in their order.

/// Why a text that looks like a log is none.
public enum LogLookalike: Sendable {
  /// -c: a table of sums.
  case summary
  /// sort | uniq -c: equal lines counted.
  case counted

  public var words: String {
    switch self {
    case .summary:
      "holds strace's summary alone, and no calls: record without -c, or with -C, which writes both"
    case .counted: "holds lines that were counted (uniq -c), not calls in their order: give the log itself"
    }
  }

  private static let leastCounted = 3
  private static let mostLines = 5000

  /// What the text is, if it is one of these.
  public static func of(path: String) -> LogLookalike? {
    guard let file = try? LogFile(path: path) else { return nil }
    if isCounted(file) { return .counted }
    file.rewind()
    return !StraceReader.recognises(path: path) && isSummary(file) ? .summary : nil
  }

  private static func isSummary(_ file: LogFile) -> Bool {
    var lines = 0
    while lines < mostLines, let line = file.next() {
      lines += 1
      // `% time     seconds  usecs/call     calls    errors syscall`; its columns differ with -U.
      if line.find("% time ") != nil, line.find(" syscall") != nil { return true }
    }
    return false
  }

  /// `    309 sched_yield() = 0`: numbers that end in one column and do not rise. A column of threads begins its numbers in one.
  private static func isCounted(_ file: LogFile) -> Bool {
    var counts = 0
    var last = UInt64.max
    var column: Int?
    var isIndented = false
    var lines = 0
    while lines < mostLines, let line = file.next() {
      lines += 1
      var scanner = line
      scanner.skipSpaces()
      let start = scanner.at
      guard let number = scanner.decimal() else {
        // Prose before it or behind.
        let head = LineHead.read(line)
        scanner.at = head.body
        let name = scanner.word()
        if !name.isEmpty, scanner.next == 0x28, CallNames.call(scanner, name) != nil { return false }
        continue
      }
      let end = scanner.at
      guard scanner.next == 0x20 else { continue }
      scanner.skipSpaces()
      let name = scanner.word()
      guard !name.isEmpty, scanner.next == 0x28, CallNames.call(scanner, name) != nil else { continue }
      guard number <= last, column == nil || column == end - line.at || end - start > 7 else { return false }
      if number == last, counts == 1 { return false }
      last = number
      if end - start <= 7 { column = end - line.at }
      if start > line.at { isIndented = true }
      counts += 1
    }
    return counts >= leastCounted && isIndented
  }
}
