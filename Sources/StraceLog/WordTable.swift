// Words of a text looked up without making strings of them.

/// A table by ASCII words.
struct WordTable<Value: Sendable>: Sendable {
  private var slots: [Int32]
  private var words: [[UInt8]] = []
  private var values: [Value] = []
  private let mask: Int

  /// Of words that are there twice the first counts.
  init(_ pairs: [(String, Value)]) {
    var size = 64
    while size < pairs.count * 3 { size *= 2 }
    mask = size - 1
    slots = [Int32](repeating: -1, count: size)
    for (word, value) in pairs {
      let bytes = Array(word.utf8)
      let place = bytes.withUnsafeBufferPointer { find($0.baseAddress!, 0..<bytes.count) }
      guard slots[place] < 0 else { continue }
      slots[place] = Int32(words.count)
      words.append(bytes)
      values.append(value)
    }
  }

  /// The slot of the word, or the free one where it would be.
  @inline(__always) private func find(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for place in range { hash = (hash ^ UInt64(bytes[place])) &* 0x100_0000_01B3 }
    var slot = Int(truncatingIfNeeded: hash ^ hash >> 29) & mask
    while slots[slot] >= 0 {
      let word = words[Int(slots[slot])]
      if word.count == range.count, word.indices.allSatisfy({ word[$0] == bytes[range.lowerBound + $0] }) {
        return slot
      }
      slot = (slot + 1) & mask
    }
    return slot
  }

  @inline(__always) subscript(_ scanner: Scanner, _ range: Range<Int>) -> Value? {
    let place = slots[find(scanner.bytes, range)]
    return place >= 0 ? values[Int(place)] : nil
  }
}
