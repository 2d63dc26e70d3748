// Reading bytes of text from left to right. What is read never reaches beyond the end, whatever stands there.

/// A place in a text, and where the text ends. The bytes belong to the caller, and must outlive it.
struct Scanner {
  let bytes: UnsafePointer<UInt8>
  var at: Int
  var end: Int

  init(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) {
    self.bytes = bytes
    at = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { at >= end }
  var rest: Range<Int> { at..<max(at, end) }

  /// The next byte; 0 at the end.
  @inline(__always) var next: UInt8 { at < end ? bytes[at] : 0 }

  /// The byte so many further on; 0 beyond the end.
  @inline(__always) func peek(_ distance: Int) -> UInt8 { at + distance < end ? bytes[at + distance] : 0 }

  @inline(__always) mutating func skipSpaces() { while at < end, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 } }

  @inline(__always) mutating func skip(_ byte: UInt8) -> Bool {
    guard at < end, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  @inline(__always) func starts(with text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard end - at >= count else { return false }
    for place in 0..<count where bytes[at + place] != text.utf8Start[place] { return false }
    return true
  }

  mutating func skip(_ text: StaticString) -> Bool {
    guard starts(with: text) else { return false }
    at += text.utf8CodeUnitCount
    return true
  }

  /// Where the text occurs from here on.
  func find(_ text: StaticString) -> Int? {
    let count = text.utf8CodeUnitCount
    var place = at
    while end - place >= count {
      if bytes[place] == text.utf8Start[0] {
        var matched = 1
        while matched < count, bytes[place + matched] == text.utf8Start[matched] { matched += 1 }
        if matched == count { return place }
      }
      place += 1
    }
    return nil
  }

  /// Decimal digits as a number; nil where there are none or they are too many.
  @inline(__always) mutating func decimal() -> UInt64? {
    let start = at
    var value: UInt64 = 0
    while at < end, bytes[at] &- 0x30 < 10 {
      value = value &* 10 &+ UInt64(bytes[at] &- 0x30)
      at += 1
    }
    guard at - start >= 20 else { return at > start ? value : nil }
    // Twenty digits that fit begin with a 1, and have not wrapped around.
    return at - start == 20 && bytes[start] == 0x31 && value >= 10_000_000_000_000_000_000 ? value : nil
  }

  /// A C number: decimal, 0x... or 0...; with its sign.
  mutating func number() -> Int64? {
    let isNegative = skip(0x2D)
    let value: UInt64
    if next == 0x30, peek(1) == 0x78 {
      at += 2
      let start = at
      var hex: UInt64 = 0
      while let digit = Self.hexDigit(next), at < end {
        hex = hex << 4 | UInt64(digit)
        at += 1
      }
      guard at > start else { return nil }
      value = hex
    } else if next == 0x30, peek(1) &- 0x30 < 8 {
      var octal: UInt64 = 0
      while next &- 0x30 < 8, at < end {
        octal = octal << 3 | UInt64(next &- 0x30)
        at += 1
      }
      value = octal
    } else {
      guard let decimal = decimal() else { return nil }
      value = decimal
    }
    let signed = Int64(bitPattern: value)
    return isNegative ? 0 &- signed : signed
  }

  static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    case 0x41...0x46: byte - 0x41 + 10
    default: nil
    }
  }

  @inline(__always) static func isWord(_ byte: UInt8) -> Bool {
    byte &- 0x61 < 26 || byte &- 0x41 < 26 || byte &- 0x30 < 10 || byte == 0x5F
  }

  /// Letters, digits and underlines.
  @inline(__always) mutating func word() -> Range<Int> {
    let start = at
    while at < end, Self.isWord(bytes[at]) { at += 1 }
    return start..<at
  }

  /// What -y tells of a descriptor: `<...>` right here. Paths have their own angle brackets escaped; `->` stands between addresses.
  @inline(__always) mutating func annotation() -> Range<Int>? {
    guard next == 0x3C else { return nil }
    var place = at + 1
    var depth = 1
    while place < end {
      switch bytes[place] {
      case 0x3C: depth += 1
      case 0x3E where bytes[place - 1] != 0x2D:
        depth -= 1
        if depth == 0 {
          let inside = at + 1..<place
          at = place + 1
          _ = skip("(deleted)")
          return inside
        }
      default: break
      }
      place += 1
    }
    return nil
  }

  /// Goes behind a string literal that begins here, and the dots of one that was cut short. False if it does not end.
  @inline(__always) mutating func skipString() -> Bool {
    at += 1
    while at < end {
      let byte = bytes[at]
      if byte == 0x5C {
        at += 2
        continue
      }
      at += 1
      if byte == 0x22 {
        if next == 0x2E, peek(1) == 0x2E, peek(2) == 0x2E { at += 3 }
        return true
      }
    }
    at = min(at, end)
    return false
  }

  func text(_ range: Range<Int>) -> [UInt8] {
    Array(UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count))
  }
}
