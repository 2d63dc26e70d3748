// The file's primitive encodings: LEB128 varints, zigzag for signed numbers, little-endian fixed fields.

/// Bytes being written. Reused from record to record, so it allocates only while it grows.
struct ByteWriter {
  var bytes: [UInt8] = []

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func unsigned(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func unsigned(_ value: UInt32) { unsigned(UInt64(value)) }

  mutating func signed(_ value: Int64) {
    unsigned(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  mutating func signed(_ value: Int32) { signed(Int64(value)) }

  mutating func text(_ text: some Collection<UInt8>) {
    unsigned(UInt64(text.count))
    bytes.append(contentsOf: text)
  }

  mutating func fixed<Value: FixedWidthInteger>(_ value: Value) {
    var rest = value.littleEndian
    withUnsafeBytes(of: &rest) { bytes.append(contentsOf: $0) }
  }
}

/// Bytes being read. Every read is checked: what runs past the end, or is no number, throws.
struct ByteReader {
  let bytes: [UInt8]
  private(set) var offset: Int
  let end: Int

  init(_ bytes: [UInt8], from offset: Int = 0, to end: Int? = nil) {
    self.bytes = bytes
    self.offset = offset
    self.end = min(end ?? bytes.count, bytes.count)
  }

  var isAtEnd: Bool { offset >= end }
  var remaining: Int { end - offset }

  @inline(__always)
  mutating func byte() throws(TraceError) -> UInt8 {
    guard offset < end else { throw .damaged("a record runs past its chunk") }
    defer { offset += 1 }
    return bytes[offset]
  }

  @inline(__always)
  mutating func unsigned() throws(TraceError) -> UInt64 {
    let first = try byte()
    if first < 0x80 { return UInt64(first) }
    var value = UInt64(first & 0x7F)
    var shift: UInt64 = 7
    while true {
      let next = try byte()
      guard shift < 64 else { throw .damaged("a number is longer than 64 bits") }
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  mutating func unsigned32() throws(TraceError) -> UInt32 { UInt32(truncatingIfNeeded: try unsigned()) }

  mutating func signed() throws(TraceError) -> Int64 {
    let raw = try unsigned()
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  mutating func signed32() throws(TraceError) -> Int32 { Int32(truncatingIfNeeded: try signed()) }

  /// A length that is followed by at least that many bytes, each element taking `least` of them or more.
  mutating func length(atLeast least: Int = 1) throws(TraceError) -> Int {
    let length = try unsigned()
    guard length <= UInt64(remaining / least) else { throw .damaged("a length exceeds its chunk") }
    return Int(length)
  }

  mutating func text() throws(TraceError) -> ArraySlice<UInt8> {
    let count = try length()
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  mutating func fixed<Value: FixedWidthInteger>(_ type: Value.Type) throws(TraceError) -> Value {
    guard remaining >= MemoryLayout<Value>.size else { throw .damaged("a header is cut off") }
    defer { offset += MemoryLayout<Value>.size }
    return bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
  }
}
