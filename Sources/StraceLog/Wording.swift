// What happened to a log on its way: quoted in a mail, copied from a web page. Undone line by line, where a log needs it.

/// What a log's lines need.
struct Wording: OptionSet {
  let rawValue: Int
  /// `&lt;unfinished ...&gt;`, `&quot;`.
  static let entities = Wording(rawValue: 1)
  /// Quotes that open and close, spaces that do not break.
  static let typography = Wording(rawValue: 2)
  /// `> ` before each line.
  static let quoted = Wording(rawValue: 4)
  /// Colours of a terminal.
  static let coloured = Wording(rawValue: 8)

  /// What a line that is to be looked at shows.
  static func of(_ line: Scanner) -> Wording {
    var found: Wording = []
    if line.find("&lt;") != nil || line.find("&quot;") != nil || line.find("&#34;") != nil || line.find("&gt;") != nil {
      found.insert(.entities)
    }
    if line.find("\u{201C}") != nil || line.find("\u{201D}") != nil || line.find("\u{A0}") != nil {
      found.insert(.typography)
    }
    if line.find("\u{1B}[") != nil { found.insert(.coloured) }
    if line.next == 0x3E { found.insert(.quoted) }
    return found
  }

  private static let replacements: [(StaticString, UInt8)] = [
    ("&lt;", 0x3C), ("&gt;", 0x3E), ("&quot;", 0x22), ("&#34;", 0x22), ("&#39;", 0x27), ("&apos;", 0x27),
    ("&amp;", 0x26),
    ("&nbsp;", 0x20), ("\u{201C}", 0x22), ("\u{201D}", 0x22), ("\u{A0}", 0x20), ("\u{2026}", 0x2E),
  ]

  /// The line as strace wrote it.
  func undone(_ line: Scanner, into target: inout [UInt8]) {
    target.removeAll(keepingCapacity: true)
    var line = line
    if contains(.quoted) {
      while line.next == 0x3E {
        line.at += 1
        if line.next == 0x20 { line.at += 1 }
      }
    }
    while !line.isAtEnd {
      let byte = line.next
      if byte == 0x1B, line.peek(1) == 0x5B {
        line.at += 2
        while !line.isAtEnd, line.next &- 0x40 >= 0x3F { line.at += 1 }
        line.at += 1
        continue
      }
      if byte == 0x26 || byte >= 0xC2,
        let (text, plain) = Self.replacements.first(where: { line.starts(with: $0.0) })
      {
        line.at += text.utf8CodeUnitCount
        // Three dots.
        target.append(contentsOf: repeatElement(plain, count: plain == 0x2E ? 3 : 1))
      } else {
        target.append(byte)
        line.at += 1
      }
    }
  }
}
