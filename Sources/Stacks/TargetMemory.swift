// A stopped thread's memory by pages: a stack's walk reads hundreds of words that lie close together.

import CLinux

/// Reads of one stop. Pages that the target can write are forgotten at the next stop; pages of code and tables are kept.
///
/// What cannot be read is nil, never a crash: addresses come from the target.
final class TargetMemory {
  private static let pageSize: UInt64 = 4096
  /// 1 MiB in all. A power of two.
  private static let slotCount = 256

  private struct Slot {
    var page: UInt64 = .max
    /// The stop, or the address space, that the page was read in.
    var owner: UInt64 = .max
  }

  private var tid: Int32 = 0
  private(set) var space: CodeSpace?
  /// How many words of this stop may still be read: whatever a target's memory says, a walk ends.
  private var left = 0
  private static let mostLoads = 200_000
  private var slots = ContiguousArray(repeating: Slot(), count: slotCount)
  private let storage = UnsafeMutableRawPointer.allocate(
    byteCount: slotCount * Int(pageSize), alignment: Int(pageSize))
  /// Owners: even for stops, odd for address spaces.
  private var stop: UInt64 = 0
  private var lasting: UInt64 = .max - 1
  /// How many reads of the target there were.
  private(set) var reads: UInt64 = 0

  deinit { storage.deallocate() }

  /// From now on the memory of `tid`, which has stopped, is read.
  func begin(_ tid: Int32, _ space: CodeSpace) {
    self.tid = tid
    self.space = space
    lasting = space.serial &* 2 &+ 1
    stop &+= 2
    left = Self.mostLoads
  }

  /// The page's place in `storage`, or -1 if it cannot be read.
  @inline(__always)
  private func place(of page: UInt64) -> Int {
    let slot = Int(truncatingIfNeeded: (page ^ page &>> 8) & UInt64(Self.slotCount - 1))
    let known = slots[slot]
    if known.page == page, known.owner == stop || known.owner == lasting { return slot * Int(Self.pageSize) }
    return fetch(page, slot)
  }

  private func fetch(_ page: UInt64, _ slot: Int) -> Int {
    let address = page &* Self.pageSize
    reads += 1
    slots[slot].page = .max
    let place = slot * Int(Self.pageSize)
    guard clinux_read_memory(tid, address, storage + place, Int(Self.pageSize)) == Int(Self.pageSize) else { return -1 }
    slots[slot] = Slot(page: page, owner: space?.isConstant(address) == true ? lasting : stop)
    return place
  }

  func load<Value: BitwiseCopyable & FixedWidthInteger>(_ address: UInt64, as type: Value.Type = Value.self) -> Value? {
    let offset = Int(truncatingIfNeeded: address & (Self.pageSize - 1))
    left -= 1
    guard left >= 0, address >= Self.pageSize, address < 1 << 63 else { return nil }
    if offset + MemoryLayout<Value>.size <= Int(Self.pageSize) {
      let place = place(of: address / Self.pageSize)
      return place < 0 ? nil : storage.loadUnaligned(fromByteOffset: place + offset, as: type)
    }
    var value: Value = 0
    guard let bytes = bytes(address, count: MemoryLayout<Value>.size) else { return nil }
    withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes) }
    return value
  }

  /// All `count` bytes, or nil. To be asked for little: `count` comes from the target as well.
  func bytes(_ address: UInt64, count: Int) -> [UInt8]? {
    guard address >= Self.pageSize, address < 1 << 62, count >= 0, count <= 1 << 20 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var address = address
    while bytes.count < count {
      let offset = Int(truncatingIfNeeded: address & (Self.pageSize - 1))
      let part = min(count - bytes.count, Int(Self.pageSize) - offset)
      let place = place(of: address / Self.pageSize)
      if place < 0 { return nil }
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: storage + place + offset, count: part))
      address += UInt64(part)
    }
    return bytes
  }

  /// The words at these addresses as they are now, past all that is kept, by one call. False if one of them cannot be read.
  func words(at addresses: [UInt64], into values: inout [UInt64]) -> Bool {
    values.removeAll(keepingCapacity: true)
    values.append(contentsOf: repeatElement(0, count: addresses.count))
    reads += 1
    return clinux_read_words(tid, addresses, &values, addresses.count) == 0
  }
}
