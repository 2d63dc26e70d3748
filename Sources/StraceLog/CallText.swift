// One call as strace writes it: `name(arguments) = result (what it returned) <seconds>`, taken apart but not understood.

/// Where the parts of a call stand in its text.
struct CallText {
  /// How far the text goes.
  enum Ending: Sendable {
    /// There is a result.
    case whole
    /// `<unfinished ...>`, `<detached ...>`: the rest comes later, or never.
    case unfinished
    /// Neither: something cut the line.
    case broken
  }

  static let mostArguments = 10

  var arguments: [Range<Int>] = []
  var ending = Ending.broken
  /// Of a text that ends before the parenthesis is closed: literals and brackets are closed.
  var isBalanced = false
  /// `= ?`: the call did not return here.
  var isUnknown = false
  /// The value; a negative errno for a failure, -512 to -516 for a call that the kernel will restart.
  var result: Int64 = 0
  /// What -y says of a descriptor that was returned.
  var annotation: Range<Int>?
  /// The inside of the parentheses behind the result: `([{fd=3, revents=POLLIN}])`, `(Timeout)`.
  var returned: Range<Int>?
  /// -T, ns.
  var duration: UInt64?

  init() { arguments.reserveCapacity(Self.mostArguments) }

  /// Takes apart what follows the `(`, where the scanner is.
  mutating func read(_ start: Scanner) {
    arguments.removeAll(keepingCapacity: true)
    ending = .broken
    isBalanced = false
    isUnknown = false
    result = 0
    annotation = nil
    returned = nil
    duration = nil
    var scanner = start
    guard readArguments(&scanner) else { return }
    scanner.skipSpaces()
    guard scanner.skip(0x3D) else {
      if scanner.starts(with: "<unfinished") || scanner.starts(with: "<detached") { ending = .unfinished }
      return
    }
    scanner.skipSpaces()
    readResult(&scanner)
  }

  /// Up to the `)` that ends them. False where they do not end.
  private mutating func readArguments(_ scanner: inout Scanner) -> Bool {
    scanner.skipSpaces()
    var begin = scanner.at
    var depth = 0
    let bytes = scanner.bytes
    while scanner.at < scanner.end {
      switch bytes[scanner.at] {
      case 0x22:
        guard scanner.skipString() else {
          add(begin..<scanner.end, of: scanner)
          return false
        }
        continue
      case 0x28, 0x5B, 0x7B: depth += 1
      case 0x5D, 0x7D: depth = max(0, depth - 1)
      case 0x29:
        if depth == 0 {
          add(begin..<scanner.at, of: scanner)
          scanner.at += 1
          return true
        }
        depth -= 1
      case 0x2C where depth == 0:
        add(begin..<scanner.at, of: scanner)
        scanner.at += 1
        scanner.skipSpaces()
        begin = scanner.at
        continue
      case 0x3C:
        if scanner.starts(with: "<unfinished") || scanner.starts(with: "<detached") {
          add(begin..<scanner.at, of: scanner)
          ending = .unfinished
          return false
        }
        let previous = scanner.at > begin ? bytes[scanner.at - 1] : 0
        if Scanner.isWord(previous), scanner.peek(1) != 0x3C, scanner.annotation() != nil { continue }
        if scanner.starts(with: "<..."), scanner.annotation() != nil { continue }
      case 0x2F where scanner.peek(1) == 0x2A:
        // A comment: /* 35 vars */
        if let close = scanner.find("*/") {
          scanner.at = close + 2
          continue
        }
      default: break
      }
      scanner.at += 1
    }
    add(begin..<scanner.end, of: scanner)
    isBalanced = depth == 0
    return false
  }

  private mutating func add(_ range: Range<Int>, of scanner: Scanner) {
    var end = range.upperBound
    while end > range.lowerBound, scanner.bytes[end - 1] == 0x20 { end -= 1 }
    if end == range.lowerBound, arguments.isEmpty, ending == .broken { return }
    if arguments.count < Self.mostArguments { arguments.append(range.lowerBound..<end) }
  }

  private mutating func readResult(_ scanner: inout Scanner) {
    readDuration(&scanner)
    if scanner.skip(0x3F) {
      ending = .whole
      isUnknown = true
      scanner.skipSpaces()
      let name = scanner.word()
      // A resumed exit: "<... exit_group resumed>) = ?".
      if !name.isEmpty, let number = Constants.restart(scanner, name) {
        isUnknown = false
        result = -number
      }
      return
    }
    guard let value = scanner.number() else {
      if scanner.starts(with: "<unfinished") { ending = .unfinished }
      return
    }
    ending = .whole
    // A failure has a name, and what is in parentheses ends: else the line was wrapped.
    if value == -1, scanner.isAtEnd, duration == nil { ending = .broken }
    result = value
    annotation = scanner.annotation()
    scanner.skipSpaces()
    if value == -1 {
      let name = scanner.word()
      if !name.isEmpty, let number = Constants.errno(scanner, name) { result = -number }
      scanner.skipSpaces()
      // A number that strace had no name for: "= -1 (errno 512)".
      if scanner.skip("(errno "), let number = scanner.decimal(), number > 0, number < 4096 { result = -Int64(number) }
      return
    }
    if scanner.next == 0x28 {
      var close = scanner.end - 1
      while close > scanner.at, scanner.bytes[close] != 0x29 { close -= 1 }
      if close > scanner.at {
        returned = scanner.at + 1..<close
      } else {
        ending = .broken
      }
    }
  }

  /// `<0.000123>` at the end of the line; the scanner's end moves before it.
  private mutating func readDuration(_ scanner: inout Scanner) {
    var end = scanner.end
    while end > scanner.at, scanner.bytes[end - 1] == 0x20 { end -= 1 }
    guard end - scanner.at > 3, scanner.bytes[end - 1] == 0x3E else { return }
    var place = end - 2
    while place > scanner.at, scanner.bytes[place] &- 0x30 < 10 || scanner.bytes[place] == 0x2E { place -= 1 }
    guard scanner.bytes[place] == 0x3C, place == scanner.at || scanner.bytes[place - 1] == 0x20 else { return }
    var inner = Scanner(scanner.bytes, place + 1..<end - 1)
    guard let seconds = inner.decimal(), seconds < 1 << 32, inner.next == 0x2E else { return }
    duration = seconds * 1_000_000_000 + LineHead.fraction(&inner)
    scanner.end = place
  }
}
