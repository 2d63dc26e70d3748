// What a text takes of a terminal: columns of it, lines of words, and what stands for characters that a locale does not have.

enum Columns {
  /// How many columns a terminal gives the text, as wcwidth(3) counts: two for East Asian wide characters and emoji (Unicode Standard
  /// Annex 11), none for marks that join the character before them.
  static func count(_ text: some StringProtocol) -> Int {
    var isASCII = true
    var bytes = 0
    for byte in text.utf8 {
      bytes += 1
      isASCII = isASCII && byte < 0x80
    }
    return isASCII ? bytes : text.unicodeScalars.reduce(0) { $0 + width($1) }
  }

  /// As much of the text as goes into so many columns.
  static func prefix<Text: StringProtocol>(_ text: Text, _ columns: Int) -> Text.SubSequence {
    var left = columns
    var end = text.startIndex
    for place in text.indices {
      left -= count(text[place...place])
      if left < 0 { break }
      end = text.index(after: place)
    }
    return text[..<end]
  }

  /// The text in so many columns: shortened, with `mark` at its end, or filled up with spaces.
  static func fitted(_ text: String, _ columns: Int, mark: String) -> String {
    let taken = count(text)
    if taken <= columns { return text + space(columns - taken) }
    let short = prefix(text, max(0, columns - count(mark))) + mark
    return short + space(columns - count(short))
  }

  static func space(_ columns: Int) -> String { String(repeating: " ", count: max(0, columns)) }

  /// The text in ASCII: our own signs by what looks like them, what programs say by numbers.
  static func ascii(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case _ where scalar.isASCII: shown.unicodeScalars.append(scalar)
      case "µ": shown += "u"
      case "→": shown += "->"
      case "…": shown += "..."
      default: shown += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return shown
  }

  private static func width(_ scalar: Unicode.Scalar) -> Int {
    if scalar.isASCII { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    if scalar.properties.isEmojiPresentation { return 2 }
    return wide.contains { $0.contains(scalar.value) } ? 2 : 1
  }

  /// Blocks whose characters are wide (EastAsianWidth.txt: W and F), besides emoji.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
    0xFFE0...0xFFE6, 0x17000...0x18CFF, 0x1B000...0x1B2FF, 0x1F200...0x1F2FF, 0x1F300...0x1F64F,
    0x1F900...0x1F9FF, 0x20000...0x2FFFD, 0x30000...0x3FFFD,
  ]
}

/// Words in lines.
struct LineBreaker {
  var width: Int

  /// The text in lines of at most `width` columns: the first begins after `indent` spaces, the others after `hanging`.
  func lines(_ text: String, indent: Int, hanging: Int) -> [String] {
    var lines: [String] = []
    var line = Columns.space(indent)
    var taken = indent
    var isEmpty = true
    for word in Self.words(text) {
      var rest = word[...]
      let size = Columns.count(rest)
      if !isEmpty, taken + 1 + size > width {
        // Of several spaces between words, those before a break are none.
        while line.last == " " { line.removeLast() }
        lines.append(line)
        line = Columns.space(hanging)
        taken = hanging
        isEmpty = true
      }
      if !isEmpty {
        line += " "
        taken += 1
      }
      // A word longer than a line.
      while taken + Columns.count(rest) > width {
        var part = Columns.prefix(rest, max(2, width - taken))
        // A path is broken between its parts.
        if let slash = part.lastIndex(of: "/"), slash > part.startIndex { part = part[...slash] }
        lines.append(line + part)
        rest = rest[part.endIndex...]
        line = Columns.space(hanging)
        taken = hanging
      }
      line += rest
      taken += Columns.count(rest)
      isEmpty = false
    }
    lines.append(line)
    return lines
  }

  private static let units: Set<Substring> = ["ns", "µs", "us", "ms", "s", "%"]
  private static let nouns: Set<Substring> = ["pid", "fd", "thread"]
  private static let marks: Set<Character> = ["(", ")", ",", ".", ";", ":"]

  /// What is parted by spaces, but for numbers, which stay with what they are of.
  private static func words(_ text: String) -> [String] {
    var words: [String] = []
    var last = Substring()
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      let bare = trimmed(word)
      let isUnit = units.contains(bare) && last.last?.isNumber == true
      let isNumber = bare.first?.isNumber == true && nouns.contains(trimmed(last))
      if isUnit || isNumber, !words.isEmpty {
        words[words.count - 1] += " \(word)"
      } else {
        words.append(String(word))
      }
      last = word
    }
    return words
  }

  private static func trimmed(_ word: Substring) -> Substring {
    var bare = word
    while let first = bare.first, marks.contains(first) { bare.removeFirst() }
    while let last = bare.last, marks.contains(last) { bare.removeLast() }
    return bare
  }
}
