// The writer's dictionary of call bodies (number and operation, as they are encoded): one that stands in the open chunk
// already is named by its place among them, not written again.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The bodies of one chunk, in the order in which they were written. They are compared where they stand, in the chunk.
struct CallBodies {
  private struct Entry {
    var hash: UInt32
    var offset: UInt32
    var length: UInt32
    var slot: UInt32
  }

  /// More than a chunk holds: even the shortest body (a number, a tag) and the least of a record take four bytes.
  private static let slotCount = 32768

  private var entries: [Entry] = []
  /// Open addressing, linear: the number of an entry plus one, or 0.
  private var slots = [UInt16](repeating: 0, count: slotCount)

  var count: Int { entries.count }

  mutating func removeAll() { truncate(to: 0) }

  /// Forgets the newest bodies. What was put in last goes first, so no search is cut short by the gap.
  mutating func truncate(to count: Int) {
    while entries.count > count { slots[Int(entries.removeLast().slot)] = 0 }
  }

  /// The number of the body, if the chunk at `chunk` holds it; and its hash.
  func find(_ body: [UInt8], in chunk: UnsafeRawPointer) -> (number: Int?, hash: UInt32) {
    let hash = Self.hash(body)
    var slot = Int(hash) & (Self.slotCount - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      let entry = entries[number]
      if entry.hash == hash, Int(entry.length) == body.count,
        unsafe body.withUnsafeBytes({ unsafe memcmp($0.baseAddress!, chunk + Int(entry.offset), $0.count) == 0 })
      {
        return (number, hash)
      }
      slot = (slot + 1) & (Self.slotCount - 1)
    }
    return (nil, hash)
  }

  /// Notes a body that was written at `offset` of the chunk.
  mutating func add(hash: UInt32, offset: Int, length: Int) {
    // A full table would be searched for ever; the reader counts on, but no body is known from here.
    guard entries.count < Self.slotCount * 3 / 4 else { return }
    var slot = Int(hash) & (Self.slotCount - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
    entries.append(Entry(hash: hash, offset: UInt32(offset), length: UInt32(length), slot: UInt32(slot)))
    slots[slot] = UInt16(entries.count)
  }

  /// Eight bytes at a time, multiplied and folded.
  private static func hash(_ body: [UInt8]) -> UInt32 {
    unsafe body.withUnsafeBytes { bytes in
      var state = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
      var place = 0
      while place + 8 <= bytes.count {
        let word = unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
        state = (state ^ word) &* 0x9FB2_1C65_1E98_DF25
        state ^= state >> 32
        place += 8
      }
      while place < bytes.count {
        state = (state ^ UInt64(unsafe bytes[place])) &* 0x9FB2_1C65_1E98_DF25
        state ^= state >> 29
        place += 1
      }
      return UInt32(truncatingIfNeeded: state ^ (state >> 32))
    }
  }
}
