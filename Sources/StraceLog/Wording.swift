// What happened to a log on its way: quoted in a mail, copied from a web page. Undone line by line, where a log needs it.

/// What a log's lines need.
struct Wording: OptionSet {
  let rawValue: Int
  /// `&lt;unfinished ...&gt;`, `&quot;`.
  static let entities = Wording(rawValue: 1)
  /// Quotes that open and close, spaces that do not break, dashes of all lengths, `0×7f`: strace itself escapes what is not ASCII.
  static let typography = Wording(rawValue: 2)
  /// `> ` before each line.
  static let quoted = Wording(rawValue: 4)
  /// Colours of a terminal.
  static let coloured = Wording(rawValue: 8)

  /// What a line that is to be looked at shows.
  static func of(_ line: Scanner) -> Wording {
    var found: Wording = []
    if line.find("&lt;") != nil || line.find("&quot;") != nil || line.find("&#") != nil || line.find("&gt;") != nil {
      found.insert(.entities)
    }
    let typographic: [StaticString] = [
      "\u{201C}", "\u{201D}", "\u{201E}", "\u{A0}", "\u{2013}", "\u{2014}", "\u{2212}", "\u{D7}", "\u{2026}",
    ]
    if typographic.contains(where: { line.find($0) != nil }) { found.insert(.typography) }
    if line.find("\u{1B}[") != nil { found.insert(.coloured) }
    if line.next == 0x3E { found.insert(.quoted) }
    return found
  }

  private static let replacements: [(StaticString, StaticString)] = [
    ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&amp;", "&"),
    ("&nbsp;", " "), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&"), ("&#160;", " "), ("&#215;", "x"),
    ("&#8220;", "\""), ("&#8221;", "\""), ("&#8230;", "..."), ("&#8211;", "\u{2013}"), ("&#8212;", "---"),
    ("\u{201C}", "\""), ("\u{201D}", "\""), ("\u{201E}", "\""), ("\u{A0}", " "), ("\u{2026}", "..."), ("\u{D7}", "x"),
    ("\u{2014}", "---"), ("\u{2212}", "-"), ("\u{2013}", "\u{2013}"),
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
        if plain.utf8CodeUnitCount == 3, plain.utf8Start[0] == 0xE2 {
          // Of two hyphens, or of a sign before a number.
          target.append(contentsOf: repeatElement(0x2D, count: line.next &- 0x30 < 10 ? 1 : 2))
        } else {
          target.append(contentsOf: UnsafeBufferPointer(start: plain.utf8Start, count: plain.utf8CodeUnitCount))
        }
      } else {
        target.append(byte)
        line.at += 1
      }
    }
  }
}
