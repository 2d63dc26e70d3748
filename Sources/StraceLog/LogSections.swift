// Several logs in one text, as tail and head show the files of strace -ff: `==> app.log.4711 <==` before the lines of each, or in a mail
// their names alone.

/// Whose the lines are that follow.
struct LogSections: Sendable {
  private static let mostLines = 5000
  private static let longestName = 256

  /// The thread of the section; nil before the first.
  private(set) var tid: Int32?
  /// The section's name stands alone, and a line of it has been seen: it lasts to the next empty line.
  private var isBare = false
  private var hasLines = false
  /// Names up to the thread's number that stand alone on several lines.
  private var stems: Set<[UInt8]> = []

  init() {}

  /// `file` is looked at for names that stand alone.
  init(_ file: LogFile) {
    file.rewind()
    defer { file.rewind() }
    var seen: Set<[UInt8]> = []
    var lines = 0
    while lines < Self.mostLines, let line = file.next() {
      lines += 1
      guard let (stem, _) = Self.name(line) else { continue }
      if !seen.insert(stem).inserted { stems.insert(stem) }
    }
  }

  /// The same names, before the first of them.
  var fromTheBeginning: LogSections {
    var sections = self
    sections.tid = nil
    return sections
  }

  /// Whether the line begins a section.
  mutating func begins(_ line: Scanner) -> Bool {
    if line.next == 0x3D {
      guard line.starts(with: "==> "), let end = line.find(" <==") else { return false }
      guard let (_, thread) = Self.name(Scanner(line.bytes, line.at + 4..<end)) else { return false }
      tid = thread
      isBare = false
      return true
    }
    if stems.isEmpty { return false }
    if let (stem, thread) = Self.name(line), stems.contains(stem) {
      tid = thread
      isBare = true
      hasLines = false
      return true
    }
    if isBare, !line.isAtEnd {
      hasLines = true
    } else if isBare, hasLines {
      tid = nil
      isBare = false
    }
    return false
  }

  /// A file's name that ends in a thread's number, `app.log.4711`, taken apart.
  private static func name(_ line: Scanner) -> (stem: [UInt8], tid: Int32)? {
    var end = line.end
    while end > line.at, line.bytes[end - 1] == 0x20 || line.bytes[end - 1] == 0x3A { end -= 1 }
    guard end - line.at > 2, end - line.at < longestName, line.bytes[end - 1] &- 0x30 < 10 else { return nil }
    var start = end
    while start > line.at, line.bytes[start - 1] &- 0x30 < 10 { start -= 1 }
    guard start > line.at + 1, line.bytes[start - 1] == 0x2E else { return nil }
    let stem = line.at..<start - 1
    // A number with a fraction is none, nor is an address.
    guard stem.allSatisfy({ line.bytes[$0] > 0x20 }), stem.contains(where: { line.bytes[$0] | 0x20 &- 0x61 < 26 })
    else { return nil }
    var scanner = Scanner(line.bytes, start..<end)
    guard let number = scanner.decimal(), number > 0, number <= Int32.max else { return nil }
    return (line.text(stem), Int32(number))
  }
}
