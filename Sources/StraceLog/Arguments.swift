// Arguments as strace writes them: numbers, flags, strings, descriptors with what -y tells of them, times.

import Trace

/// A descriptor's number in a call's text, and what -y says behind it.
struct Mention {
  var fd: FD
  var annotation: Range<Int>?
}

/// A call that was taken apart, and the means to read its arguments. Reused from call to call.
struct Arguments {
  var bytes: UnsafePointer<UInt8>
  var call = CallText()
  /// The descriptors that were read, in their order.
  private(set) var mentions: [Mention] = []
  /// Those that a message brought.
  var received: [Mention] = []
  /// A wait set or list of messages was not written out whole (-s, no -v).
  var isCut = false

  init(_ bytes: UnsafePointer<UInt8>) { self.bytes = bytes }

  /// Takes the call apart whose `(` is before `start`.
  mutating func read(_ scanner: Scanner) {
    bytes = scanner.bytes
    mentions.removeAll(keepingCapacity: true)
    if !received.isEmpty { received.removeAll(keepingCapacity: true) }
    isCut = false
    call.read(scanner)
  }

  func scanner(_ range: Range<Int>) -> Scanner { Scanner(bytes, range) }

  /// The argument; empty where there are not as many.
  func argument(_ place: Int) -> Scanner {
    place < call.arguments.count ? Scanner(bytes, call.arguments[place]) : Scanner(bytes, 0..<0)
  }

  // MARK: Numbers

  func number(_ place: Int) -> Int64 {
    var scanner = argument(place)
    return scanner.number() ?? 0
  }

  func count(_ place: Int) -> UInt64 {
    var scanner = argument(place)
    return UInt64(bitPattern: scanner.number() ?? 0)
  }

  /// `A|B|0x10` of the argument.
  func flags(_ place: Int) -> UInt64 {
    var scanner = argument(place)
    return flags(&scanner)
  }

  /// `A|B|0x10`, from here to what is none of that. Names that are not known count as 0.
  func flags(_ scanner: inout Scanner) -> UInt64 {
    var value: UInt64 = 0
    while true {
      if scanner.next &- 0x30 < 10 || scanner.next == 0x2D {
        guard let number = scanner.number() else { return value }
        value |= UInt64(bitPattern: number)
      } else {
        let name = scanner.word()
        if name.isEmpty { return value }
        value |= Constants.value(scanner, name) ?? 0
      }
      // A comment, or another one.
      if scanner.starts(with: " /*"), let close = scanner.find("*/") { scanner.at = close + 2 }
      guard scanner.skip(0x7C) else { return value }
    }
  }

  // MARK: Descriptors

  mutating func fd(_ place: Int) -> FD {
    var scanner = argument(place)
    return fd(&scanner)
  }

  /// A descriptor; -1 for what is none (AT_FDCWD).
  mutating func fd(_ scanner: inout Scanner) -> FD {
    guard let number = scanner.number(), number >= -1, number < 1 << 30 else { return -1 }
    let annotation = scanner.annotation()
    if number >= 0 { mentions.append(Mention(fd: FD(number), annotation: annotation)) }
    return FD(number)
  }

  // MARK: Texts

  /// Adds a literal's bytes, up to `limit`; where the scanner is on none, nothing. False for one that strace cut short.
  @discardableResult
  func unescape(_ scanner: inout Scanner, limit: Int, into target: inout [UInt8]) -> Bool {
    if scanner.next == 0x40 { scanner.at += 1 }
    guard scanner.skip(0x22) else { return false }
    var count = 0
    while !scanner.isAtEnd {
      var byte = scanner.next
      scanner.at += 1
      if byte == 0x22 {
        guard scanner.starts(with: "...") else { return true }
        scanner.at += 3
        return false
      }
      if byte == 0x5C { byte = Self.escaped(&scanner) }
      if count < limit { target.append(byte) }
      count += 1
    }
    return false
  }

  private static func escaped(_ scanner: inout Scanner) -> UInt8 {
    let byte = scanner.next
    scanner.at += 1
    switch byte {
    case 0x6E: return 0x0A
    case 0x74: return 0x09
    case 0x72: return 0x0D
    case 0x76: return 0x0B
    case 0x66: return 0x0C
    case 0x61: return 0x07
    case 0x62: return 0x08
    case 0x78:
      var value: UInt8 = 0
      for _ in 0..<2 {
        guard let digit = Scanner.hexDigit(scanner.next), !scanner.isAtEnd else { break }
        value = value << 4 | digit
        scanner.at += 1
      }
      return value
    case 0x30...0x37:
      var value = byte - 0x30
      for _ in 0..<2 where scanner.next &- 0x30 < 8 && !scanner.isAtEnd {
        value = value << 3 | (scanner.next - 0x30)
        scanner.at += 1
      }
      return value
    default: return byte
    }
  }

  func text(_ place: Int, limit: Int = 4096) -> [UInt8] {
    var scanner = argument(place)
    var bytes: [UInt8] = []
    unescape(&scanner, limit: limit, into: &bytes)
    return bytes
  }

  // MARK: Times

  /// `{tv_sec=1, tv_nsec=5}`, `{1, 5}` or the same with tv_usec (`unit`: ns of the second word), in ns; nil for NULL and
  /// what cannot be read.
  func time(_ scanner: Scanner, unit: Int64 = 1) -> Int64? {
    var scanner = scanner
    guard scanner.skip(0x7B) else { return nil }
    _ = scanner.skip("tv_sec=")
    guard let seconds = scanner.number(), scanner.skip(0x2C) else { return nil }
    scanner.skipSpaces()
    var unit = unit
    if scanner.skip("tv_usec=") { unit = 1000 }
    if scanner.skip("tv_nsec=") { unit = 1 }
    guard let rest = scanner.number() else { return nil }
    return seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ rest &* unit
  }

  /// A signal set, `[INT TERM]` or `~[...]`, as bits: bit N-1 for signal N.
  func signalSet(_ place: Int) -> UInt64 {
    var scanner = argument(place)
    let isInverted = scanner.skip(0x7E)
    guard scanner.skip(0x5B) else { return 0 }
    var set: UInt64 = 0
    while !scanner.isAtEnd, scanner.next != 0x5D {
      let name = scanner.word()
      if name.isEmpty {
        scanner.at += 1
        continue
      }
      let whole = [UInt8]("SIG".utf8) + scanner.text(name)
      let number = whole.withUnsafeBufferPointer { known in
        Constants.signal(Scanner(known.baseAddress!, 0..<known.count))
      }
      if let number = number ?? Constants.signal(Scanner(bytes, name)) { set |= 1 << UInt64(number - 1) }
    }
    return isInverted ? ~set : set
  }

  /// A socket address in the words of `Operation.connect`: `unix:/run/x`, `unix:@abstract`, `127.0.0.1:80`, `[::1]:80`.
  func address(_ place: Int) -> [UInt8] {
    let scanner = argument(place)
    func value(_ name: StaticString, upTo end: UInt8) -> [UInt8]? {
      guard let found = scanner.find(name) else { return nil }
      let start = found + name.utf8CodeUnitCount
      var stop = start
      while stop < scanner.end, bytes[stop] != end { stop += 1 }
      return scanner.text(start..<stop)
    }
    for name in ["sun_path=", "path="] as [StaticString] {
      guard let found = scanner.find(name) else { continue }
      var inner = scanner
      inner.at = found + name.utf8CodeUnitCount
      let isAbstract = inner.next == 0x40
      var path: [UInt8] = []
      unescape(&inner, limit: 108, into: &path)
      return Array((isAbstract ? "unix:@" : "unix:").utf8) + path
    }
    let port = value("port=htons(", upTo: 0x29) ?? []
    if let host = value("inet_addr(\"", upTo: 0x22) { return host + [0x3A] + port }
    if let host = value("inet_pton(AF_INET6, \"", upTo: 0x22) {
      return [0x5B] + host + [0x5D, 0x3A] + port
    }
    var family = scanner
    if family.skip("{sa_family=") { return Array("family ".utf8) + family.text(family.word()) }
    return []
  }
}
