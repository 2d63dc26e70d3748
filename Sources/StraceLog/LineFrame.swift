// What stands before each line of a log that something has carried: syslog and the journal, docker compose, kubectl's times, grep, line
// numbers, marks of quoting. It is known by what nearly all lines have in common, and skipped.

/// The common beginning of a log's lines.
struct LineFrame: Sendable {
  enum Part: Equatable, Sendable {
    case digits, word, spaces
    /// The same in all lines.
    case literal([UInt8])
  }

  var parts: [Part] = []
  /// How many spaces end it; what stands behind them is the line's own.
  var trailing = 0
  /// The part that is a thread's number: grep names the files that strace -ff has written, `app.log.4711:`.
  var tidPart: Int?

  var isEmpty: Bool { parts.isEmpty }

  /// The line behind its frame, and the thread that the frame names. A line that does not have it stays as it is.
  func strip(_ line: Scanner) -> (line: Scanner, tid: Int32?) {
    guard !parts.isEmpty else { return (line, nil) }
    var scanner = line
    scanner.skipSpaces()
    var tid: Int32?
    for (place, part) in parts.enumerated() {
      switch part {
      case .digits:
        guard scanner.next &- 0x30 < 10 else { return (line, nil) }
        if let number = scanner.decimal(), place == tidPart, number > 0, number <= Int32.max { tid = Int32(number) }
      case .word: if scanner.word().isEmpty { return (line, nil) }
      case .spaces:
        // Of an empty line its end is not kept.
        guard scanner.next == 0x20 || scanner.next == 0x09 || scanner.isAtEnd else { return (line, nil) }
        let most = place == parts.count - 1 ? trailing : Int.max
        var count = 0
        while count < most, scanner.next == 0x20 || scanner.next == 0x09 {
          scanner.at += 1
          count += 1
        }
      case .literal(let text):
        guard scanner.end - scanner.at >= text.count,
          text.indices.allSatisfy({ scanner.bytes[scanner.at + $0] == text[$0] })
        else { return (line, nil) }
        scanner.at += text.count
      }
    }
    return (scanner, tid)
  }
}

/// Finds the frame of a log.
struct LineFrameSearch {
  /// So much of a log is looked at.
  private static let mostLines = 2000
  private static let mostBytes = 1 << 20
  /// A frame is no longer than this.
  private static let longest = 256
  private static let mostSamples = 64
  private static let leastFramed = 2
  private static let leastNumbered = 4
  /// So many lines that begin as strace's do, and hardly others: there is no frame.
  private static let enoughBare = 64

  /// A run of a line's beginning.
  private struct Token {
    var part: LineFrame.Part
    var text: [UInt8]
  }

  /// Lines whose beginnings look alike.
  private struct Group {
    var count = 0
    var samples: [[Token]] = []
  }

  private var groups: [[UInt8]: Group] = [:]
  private var bare = 0
  private var framed = 0
  private var numbering = LineNumbering()

  /// What the lines of the file have in common, as far as `wording` has undone the rest.
  static func frame(of file: LogFile, _ wording: Wording) -> LineFrame {
    file.rewind()
    defer { file.rewind() }
    var search = LineFrameSearch()
    var cleaned: [UInt8] = []
    var lines = 0
    while lines < mostLines, file.position < mostBytes, let raw = file.next() {
      lines += 1
      wording.undone(raw, into: &cleaned)
      cleaned.withUnsafeBufferPointer { text in
        if let base = text.baseAddress { search.note(Scanner(base, 0..<text.count)) }
      }
      if search.bare >= enoughBare, search.framed * 16 < search.bare, !search.numbering.isPossible { break }
    }
    return search.result
  }

  private mutating func note(_ line: Scanner) {
    numbering.note(line)
    guard let start = Self.start(of: line) else { return }
    guard start > line.at else {
      bare += 1
      return
    }
    framed += 1
    var text = line
    text.end = start
    let tokens = Self.tokens(text)
    var shape: [UInt8] = []
    for token in tokens {
      switch token.part {
      case .digits, .word: shape.append(0x77)
      case .spaces: shape.append(0x20)
      case .literal: shape += token.text
      }
    }
    groups[shape, default: Group()].count += 1
    if groups[shape]!.samples.count < Self.mostSamples { groups[shape]!.samples.append(tokens) }
  }

  private var result: LineFrame {
    if numbering.isPossible, numbering.count >= Self.leastNumbered {
      return LineFrame(parts: [.digits, .spaces], trailing: numbering.trailing)
    }
    guard let group = groups.values.max(by: { $0.count < $1.count }), group.count >= Self.leastFramed,
      group.count * 5 >= (bare + framed) * 4, let first = group.samples.first
    else { return LineFrame() }
    var frame = LineFrame()
    for (place, token) in first.enumerated() {
      let texts = group.samples.map { $0[place].text }
      switch token.part {
      case .spaces:
        frame.parts.append(.spaces)
        if place == first.count - 1 { frame.trailing = texts.map(\.count).min() ?? 1 }
      case .literal: frame.parts.append(token.part)
      case .digits, .word:
        let isNumber = texts.allSatisfy { $0.allSatisfy { $0 &- 0x30 < 10 } }
        if Self.isTid(first, place), isNumber {
          frame.tidPart = place
          frame.parts.append(.digits)
        } else if texts.allSatisfy({ $0 == texts[0] }), !isNumber {
          frame.parts.append(.literal(texts[0]))
        } else {
          frame.parts.append(isNumber ? .digits : .word)
        }
      }
    }
    // Other programs of that name write other things.
    return frame.parts.contains(.literal(Array("go".utf8))) && frame.parts.contains(.literal(Array("strace".utf8)))
      ? LineFrame() : frame
  }

  /// `app.log.4711:`; in an address no name stands before the last number.
  private static func isTid(_ tokens: [Token], _ place: Int) -> Bool {
    guard place >= 2, place + 1 < tokens.count, tokens[place].part == .digits else { return false }
    return tokens[place - 1].text == [0x2E] && tokens[place - 2].part == .word && tokens[place + 1].text == [0x3A]
  }

  private static func tokens(_ text: Scanner) -> [Token] {
    var scanner = text
    scanner.skipSpaces()
    var tokens: [Token] = []
    while !scanner.isAtEnd {
      let start = scanner.at
      var part = LineFrame.Part.spaces
      if Scanner.isWord(scanner.next) {
        let word = scanner.word()
        part = word.allSatisfy { scanner.bytes[$0] &- 0x30 < 10 } ? .digits : .word
      } else if scanner.next == 0x20 || scanner.next == 0x09 {
        scanner.skipSpaces()
      } else {
        part = .literal([scanner.next])
        scanner.at += 1
      }
      tokens.append(Token(part: part, text: scanner.text(start..<scanner.at)))
    }
    return tokens
  }

  // MARK: Where strace's own line begins

  /// The first place from which on the line is one of strace's; nil if there is none, or it says too little.
  private static func start(of line: Scanner) -> Int? {
    var place = line.at
    let last = min(line.end, line.at + longest)
    while place < last {
      if mayBegin(line, at: place), isStrace(Scanner(line.bytes, place..<line.end)) {
        // Spaces alone are no frame.
        return (line.at..<place).allSatisfy { line.bytes[$0] == 0x20 || line.bytes[$0] == 0x09 } ? line.at : place
      }
      place += 1
    }
    return nil
  }

  private static func mayBegin(_ line: Scanner, at place: Int) -> Bool {
    let byte = line.bytes[place]
    if byte == 0x20 || byte == 0x09 { return false }
    if place == line.at { return true }
    let before = line.bytes[place - 1]
    guard Scanner.isWord(byte) else { return [0x5B, 0x3C, 0x2D, 0x2B].contains(byte) && before != byte }
    if Scanner.isWord(before) { return false }
    // The day of a date is no thread.
    return byte &- 0x30 >= 10 || !endsInMonth(line, place)
  }

  private static func endsInMonth(_ line: Scanner, _ place: Int) -> Bool {
    var end = place
    while end > line.at, line.bytes[end - 1] == 0x20 { end -= 1 }
    guard end < place, end - line.at >= 3 else { return false }
    let month = Scanner(line.bytes, end - 3..<end)
    let months: [StaticString] = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    return months.contains { month.starts(with: $0) }
  }

  private static func isStrace(_ text: Scanner) -> Bool {
    var body = text
    body.at = LineHead.read(text).body
    if body.starts(with: "<... ") { return body.find(" resumed") != nil }
    if body.starts(with: "--- SIG") { return body.find(" ---") != nil }
    if body.starts(with: "+++ exited with ") || body.starts(with: "+++ killed by ") { return true }
    let name = body.word()
    guard name.count > 1, body.skip(0x28), CallNames.call(body, name) != nil else { return false }
    // Other tracers name the arguments.
    var argument = body
    let word = argument.word()
    if !word.isEmpty, argument.starts(with: ": ") { return false }
    return body.find(") = ") != nil || body.find(")  ") != nil && body.find(" = ") != nil
      || body.find("<unfinished") != nil || body.find("<detached") != nil
  }
}

/// Whether the lines are numbered (cat -n, nl, an editor), which looks like a column of threads.
struct LineNumbering {
  private(set) var count = 0
  private(set) var isPossible = true
  private(set) var trailing = Int.max
  private var lines: UInt64 = 0
  private var filled: UInt64 = 0
  private var first: (number: UInt64, line: UInt64, filled: UInt64) = (0, 0, 0)

  mutating func note(_ line: Scanner) {
    guard isPossible else { return }
    lines += 1
    var scanner = line
    scanner.skipSpaces()
    if scanner.isAtEnd { return }
    filled += 1
    guard scanner.next &- 0x30 < 10, let number = scanner.decimal(), scanner.next == 0x20 || scanner.next == 0x09 else {
      isPossible = false
      return
    }
    let start = scanner.at
    scanner.skipSpaces()
    trailing = min(trailing, scanner.at - start)
    count += 1
    if count == 1 {
      first = (number, lines, filled)
    } else if number &- first.number != lines - first.line, number &- first.number != filled - first.filled {
      isPossible = false
    }
  }
}
