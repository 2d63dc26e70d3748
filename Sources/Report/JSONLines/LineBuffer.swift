// JSON as bytes, appended to one buffer: no value of a line is an object of ours first.

import Analysis
import Trace

struct LineBuffer {
  private(set) var bytes: [UInt8] = []
  private let keys = EventColumn.keys
  private static let digits = Array("0123456789abcdef".utf8)

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  // MARK: Lines and keys

  mutating func beginLine(_ trace: [UInt8]) {
    raw("{\"trace\":")
    bytes.append(contentsOf: trace)
  }

  mutating func endLine() { raw("}\n") }

  mutating func key(_ column: EventColumn) { bytes.append(contentsOf: keys[column.rawValue]) }

  /// Text that is JSON already.
  mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func raw(_ json: [UInt8]) { bytes.append(contentsOf: json) }

  // MARK: Numbers

  mutating func add(_ column: EventColumn, _ value: some FixedWidthInteger) {
    key(column)
    number(value)
  }

  mutating func add(_ column: EventColumn, _ value: Bool) {
    key(column)
    raw(value ? "true" : "false")
  }

  /// Columns of numbers are signed and of 64 bits: what is greater is told as the greatest.
  mutating func number(_ value: some FixedWidthInteger) {
    let number = Int64(clamping: value)
    if number < 0 { bytes.append(0x2D) }
    var rest = number.magnitude
    var first = bytes.count
    repeat {
      let quotient = rest / 10
      bytes.append(0x30 + UInt8(truncatingIfNeeded: rest &- quotient &* 10))
      rest = quotient
    } while rest > 0
    var last = bytes.count - 1
    while first < last {
      bytes.swapAt(first, last)
      first += 1
      last -= 1
    }
  }

  /// `"0x7f00"`: masks and addresses, which use all 64 bits.
  mutating func add(_ column: EventColumn, hex value: UInt64) {
    key(column)
    raw("\"0x")
    var shift = max(0, (67 - value.leadingZeroBitCount) / 4 * 4 - 4)
    while shift >= 0 {
      bytes.append(Self.digits[Int(value >> UInt64(shift) & 15)])
      shift -= 4
    }
    bytes.append(0x22)
  }

  // MARK: Texts

  mutating func add(_ column: EventColumn, _ text: StaticString) {
    key(column)
    bytes.append(0x22)
    raw(text)
    bytes.append(0x22)
  }

  mutating func add(_ column: EventColumn, _ text: String) {
    key(column)
    string(text.utf8)
  }

  mutating func add(_ column: EventColumn, _ text: [UInt8]) {
    key(column)
    string(text)
  }

  mutating func add(_ column: EventColumn, json: [UInt8]) {
    key(column)
    bytes.append(contentsOf: json)
  }

  mutating func add(_ column: EventColumn, _ list: some Sequence<String>) {
    array(column, list) { $0.string($1.utf8) }
  }

  mutating func array<Items: Sequence>(
    _ column: EventColumn, _ items: Items, _ item: (inout LineBuffer, Items.Element) -> Void
  ) {
    key(column)
    bytes.append(0x5B)
    var isFirst = true
    for element in items {
      if !isFirst { bytes.append(0x2C) }
      isFirst = false
      item(&self, element)
    }
    bytes.append(0x5D)
  }

  /// A string literal (RFC 8259, section 7). Texts come as the target had them, so that what is no UTF-8 becomes U+FFFD; what a
  /// terminal would obey is escaped, and is itself again once parsed.
  mutating func string(_ text: some Collection<UInt8>) {
    bytes.append(0x22)
    var place = bytes.count
    bytes.append(contentsOf: text)
    while place < bytes.count, Self.isPlain(bytes[place]) { place += 1 }
    if place < bytes.count {
      let rest = String(decoding: bytes[place...], as: UTF8.self)
      bytes.removeSubrange(place...)
      for scalar in rest.unicodeScalars { append(scalar) }
    }
    bytes.append(0x22)
  }

  @inline(__always)
  private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C }

  private mutating func append(_ scalar: Unicode.Scalar) {
    switch scalar {
    case "\"": raw("\\\"")
    case "\\": raw("\\\\")
    case "\n": raw("\\n")
    case "\r": raw("\\r")
    case "\t": raw("\\t")
    case _ where EventText.isHarmful(scalar):
      for unit in UTF16.encode(scalar)! {
        raw("\\u")
        for shift in [12, 8, 4, 0] { bytes.append(Self.digits[Int(unit >> UInt16(shift) & 15)]) }
      }
    default: bytes.append(contentsOf: UTF8.encode(scalar)!)
    }
  }

  /// Bytes that are no text: printable ASCII as it is, `\\`, and `\x1f` for each other byte.
  mutating func add(_ column: EventColumn, payload: ArraySlice<UInt8>) {
    key(column)
    bytes.append(0x22)
    for byte in payload {
      switch byte {
      case _ where Self.isPlain(byte): bytes.append(byte)
      case 0x22: raw("\\\"")
      case 0x5C: raw("\\\\\\\\")
      default:
        raw("\\\\x")
        bytes.append(Self.digits[Int(byte >> 4)])
        bytes.append(Self.digits[Int(byte & 15)])
      }
    }
    bytes.append(0x22)
  }

  /// `"IN|HUP"`.
  mutating func string(_ events: Readiness, _ names: [(Readiness, String)]) {
    bytes.append(0x22)
    let start = bytes.count
    for (bit, name) in names where events.rawValue & bit.rawValue != 0 {
      if bytes.count > start { bytes.append(0x7C) }
      bytes.append(contentsOf: name.utf8)
    }
    bytes.append(0x22)
  }
}
