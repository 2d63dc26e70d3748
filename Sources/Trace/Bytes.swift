// The file's primitive encodings: LEB128 varints, zigzag for signed numbers, little-endian fixed fields.

/// Bytes being written. Reused from record to record, so it allocates only while it grows.
struct ByteWriter {
  var bytes: [UInt8] = []

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func unsigned(_ value: UInt64) {
    if value < 0x80 { return bytes.append(UInt8(truncatingIfNeeded: value)) }
    // Built at once where it takes eight bytes at most, since each append has its cost.
    guard value < 1 << 56 else { return bytewise(value) }
    let count = (70 - value.leadingZeroBitCount) / 7
    var word: UInt64 = 0
    for place in 0..<UInt64(count) { word |= (value >> (7 * place) & 0x7F | 0x80) << (8 * place) }
    word &= ~(0x80 << UInt64(8 * count - 8))
    unsafe withUnsafeBytes(of: word.littleEndian) { unsafe bytes.append(contentsOf: $0[..<count]) }
  }

  private mutating func bytewise(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func unsigned(_ value: UInt32) { unsigned(UInt64(value)) }

  mutating func signed(_ value: Int64) {
    unsigned(Self.zigzag(value))
  }

  mutating func signed(_ value: Int32) { signed(Int64(value)) }

  static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

  /// How many bytes `padded` takes.
  static let paddedSize = 8

  /// A number below 2^56 as a varint of eight bytes, the first in the lowest: all but the last say that another follows.
  static func padded(_ value: UInt64) -> UInt64 {
    var bytes: UInt64 = 0
    for place in 0..<8 as Range<UInt64> { bytes |= (value >> (7 * place) & 0x7F) << (8 * place) }
    return bytes | 0x0080_8080_8080_8080
  }

  /// A number that will be replaced where it stands.
  mutating func padded(_ value: UInt64) { fixed(Self.padded(value)) }

  mutating func text(_ text: some Collection<UInt8>) {
    unsigned(UInt64(text.count))
    bytes.append(contentsOf: text)
  }

  mutating func fixed<Value: FixedWidthInteger>(_ value: Value) {
    var rest = value.littleEndian
    withUnsafeBytes(of: &rest) { bytes.append(contentsOf: $0) }
  }
}

/// Bytes being read. Every read is checked: what runs past the end, or is no number, throws. Not to outlive the bytes.
struct ByteReader {
  private let base: UnsafeRawPointer
  private(set) var offset: Int
  let end: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    unsafe base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
    offset = 0
    end = bytes.count
  }

  var isAtEnd: Bool { offset >= end }
  var remaining: Int { end - offset }

  @inline(__always)
  mutating func byte() throws(TraceError) -> UInt8 {
    guard offset < end else { throw .damaged("a record runs past its chunk") }
    defer { offset += 1 }
    return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
  }

  @inline(__always)
  mutating func unsigned() throws(TraceError) -> UInt64 {
    let first = try byte()
    if first < 0x80 { return UInt64(first) }
    return remaining >= 8 ? try longer(first) : try bytewise(first)
  }

  /// The rest of a number whose first byte was read, where eight bytes can be read at once.
  @inline(__always)
  private mutating func longer(_ first: UInt8) throws(TraceError) -> UInt64 {
    let word = unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    let stops = ~word & 0x8080_8080_8080_8080
    guard stops != 0 else { return try bytewise(first) }
    let count = (stops.trailingZeroBitCount >> 3) + 1
    offset += count
    var value = word & (UInt64.max >> UInt64(64 - 8 * count))
    // Seven bits of each byte, side by side: neighbours are joined three times.
    value &= 0x7F7F_7F7F_7F7F_7F7F
    value = (value & 0x007F_007F_007F_007F) | (value & 0x7F00_7F00_7F00_7F00) >> 1
    value = (value & 0x0000_3FFF_0000_3FFF) | (value & 0x3FFF_0000_3FFF_0000) >> 2
    value = (value & 0x0000_0000_0FFF_FFFF) | (value & 0x0FFF_FFFF_0000_0000) >> 4
    return value << 7 | UInt64(first & 0x7F)
  }

  /// Byte by byte: near the end, and of more than nine bytes.
  @inline(never)
  private mutating func bytewise(_ first: UInt8) throws(TraceError) -> UInt64 {
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

  @inline(__always)
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

  mutating func text() throws(TraceError) -> UnsafeRawBufferPointer {
    let count = try length()
    defer { offset += count }
    return unsafe UnsafeRawBufferPointer(start: base + offset, count: count)
  }

  mutating func fixed<Value: FixedWidthInteger>(_ type: Value.Type) throws(TraceError) -> Value {
    guard remaining >= MemoryLayout<Value>.size else { throw .damaged("a header is cut off") }
    defer { offset += MemoryLayout<Value>.size }
    return unsafe Value(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}

extension [UInt8] {
  /// `withUnsafeBytes`, which does not tell which error it passes on.
  func withBytes<Value>(_ body: (UnsafeRawBufferPointer) throws(TraceError) -> Value) throws(TraceError) -> Value {
    let outcome: Result<Value, TraceError> = unsafe withUnsafeBytes { bytes in
      do throws(TraceError) { return .success(unsafe try body(bytes)) } catch { return .failure(error) }
    }
    return try outcome.get()
  }

  func reading<Value>(_ body: (inout ByteReader) throws(TraceError) -> Value) throws(TraceError) -> Value {
    try withBytes { (bytes) throws(TraceError) in
      var reader = unsafe ByteReader(bytes)
      return try body(&reader)
    }
  }
}
