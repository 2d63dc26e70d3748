// Logs that an editor or PowerShell has written: two bytes for each character.

enum TextEncoding: Sendable {
  /// ASCII, UTF-8 or whatever the program wrote.
  case bytes
  case utf16Little, utf16Big

  /// By the byte order mark, or by a beginning in which every second byte is 0.
  static func of(_ text: Slice<UnsafeMutableBufferPointer<UInt8>>) -> TextEncoding {
    let head = Array(text.prefix(8))
    if head.starts(with: [0xFF, 0xFE]) { return .utf16Little }
    if head.starts(with: [0xFE, 0xFF]) { return .utf16Big }
    guard head.count == 8 else { return .bytes }
    let even = [head[0], head[2], head[4], head[6]]
    let odd = [head[1], head[3], head[5], head[7]]
    if odd == [0, 0, 0, 0], !even.contains(0) { return .utf16Little }
    if even == [0, 0, 0, 0], !odd.contains(0) { return .utf16Big }
    return .bytes
  }

  private func unit(_ first: UInt8, _ second: UInt8) -> UInt32 {
    self == .utf16Little ? UInt32(second) << 8 | UInt32(first) : UInt32(first) << 8 | UInt32(second)
  }

  /// The first `count` bytes as UTF-8, in the same place, which holds three bytes for two. Returns how many bytes they became.
  /// Half a character at the end of the file, and characters beyond the first 65,536, become a question mark.
  func decode(_ text: UnsafeMutableBufferPointer<UInt8>, count: Int) -> Int {
    let coded = Array(text[..<max(0, count)])
    var place = 0
    func put(_ byte: UInt32) {
      text[place] = UInt8(truncatingIfNeeded: byte)
      place += 1
    }
    for start in stride(from: 0, to: coded.count, by: 2) {
      let value = start + 1 < coded.count ? unit(coded[start], coded[start + 1]) : 0x3F
      switch value {
      case 0..<0x80: put(value)
      case 0x80..<0x800:
        put(0xC0 | value >> 6)
        put(0x80 | value & 0x3F)
      case 0xD800..<0xE000: put(0x3F)
      default:
        put(0xE0 | value >> 12)
        put(0x80 | value >> 6 & 0x3F)
        put(0x80 | value & 0x3F)
      }
    }
    return place
  }

  /// How many bytes the first line's end and what is before it take; nil where there is none.
  func newline(in text: ArraySlice<UInt8>) -> Int? {
    if self == .bytes { return text.firstIndex(of: 0x0A).map { $0 - text.startIndex + 1 } }
    for start in stride(from: text.startIndex, to: text.endIndex - 1, by: 2)
    where unit(text[start], text[start + 1]) == 0x0A {
      return start - text.startIndex + 2
    }
    return nil
  }
}
