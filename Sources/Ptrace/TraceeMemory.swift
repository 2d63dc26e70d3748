// A tracee's memory. What cannot be read is nil, never a crash: addresses come from the target.

import CLinux
import Glibc

/// Reads from the address space of one thread.
public struct TraceeMemory: Sendable {
  public let tid: Int32
  /// Look before each read whether the pages are there: reading one that is not would wait for the target's own fault
  /// handler (userfaultfd(2)), which waits for us.
  public let asksFirst: Bool

  public init(tid: Int32, asksFirst: Bool = false) {
    self.tid = tid
    self.asksFirst = asksFirst
  }

  /// Whether all pages of the stretch are in memory or swapped out (/proc/TID/pagemap, bits 63 and 62).
  @usableFromInline func isThere(_ address: UInt64, _ count: Int) -> Bool {
    clinux_pages_present(tid, address, count) == 1
  }

  /// Fills `buffer` with up to `count` bytes from `address`; returns how many were readable.
  public func read(_ address: UInt64, count: Int, into buffer: inout [UInt8]) -> Int {
    buffer.removeAll(keepingCapacity: true)
    guard address != 0, count > 0, !asksFirst || isThere(address, count) else { return 0 }
    buffer.append(contentsOf: repeatElement(0, count: count))
    let filled = buffer.withUnsafeMutableBytes { fill($0, from: address) }
    buffer.removeLast(count - filled)
    return filled
  }

  /// Shows `body` up to `count` bytes from `address`, as many as were readable; without allocation where they are few.
  @inlinable public func withBytes<Result>(
    _ address: UInt64, count: Int, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    guard address != 0, count > 0, !asksFirst || isThere(address, count) else {
      return body(UnsafeRawBufferPointer(start: nil, count: 0))
    }
    return withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { buffer in
      let filled = fill(buffer, from: address)
      return body(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
    }
  }

  @usableFromInline func fill(_ buffer: UnsafeMutableRawBufferPointer, from address: UInt64) -> Int {
    let got = clinux_read_memory(tid, address, buffer.baseAddress, buffer.count)
    return got < 0 ? peek(address, into: buffer) : got
  }

  /// Word by word with PTRACE_PEEKDATA, where process_vm_readv is not allowed.
  private func peek(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    var filled = 0
    while filled < buffer.count {
      var word: UInt = 0
      let result = withUnsafeMutablePointer(to: &word) {
        clinux_ptrace(2, tid, UInt(address) &+ UInt(filled), UInt(bitPattern: $0))
      }
      guard result >= 0 else { break }
      let part = min(8, buffer.count - filled)
      withUnsafeBytes(of: word) { bytes in
        for place in 0..<part { buffer[filled + place] = bytes[place] }
      }
      filled += part
    }
    return filled
  }

  /// One little-endian number, if it is readable.
  public func load<Value: FixedWidthInteger>(_ address: UInt64, as type: Value.Type) -> Value? {
    guard address != 0 else { return nil }
    var value: Value = 0
    let size = MemoryLayout<Value>.size
    if asksFirst, !isThere(address, size) { return nil }
    return withUnsafeMutableBytes(of: &value) { fill($0, from: address) } == size ? value : nil
  }

  /// Writes through /proc/TID/mem, read-only pages included: those become the tracee's own copy (FOLL_FORCE). False if not all
  /// of it could be written.
  public func write(_ words: [UInt64], at address: UInt64) -> Bool {
    words.withUnsafeBytes { clinux_write_memory(tid, address, $0.baseAddress, $0.count) == $0.count }
  }

  /// A C string of at most `limit` bytes, without its end; nil if not even its start is readable.
  public func string(_ address: UInt64, limit: Int = 4096) -> [UInt8]? {
    guard address != 0 else { return nil }
    var text: [UInt8] = []
    var part: [UInt8] = []
    var next = address
    while text.count < limit {
      // Up to the next page only: the one after it may not be mapped.
      let room = Int(4096 - next % 4096)
      let got = read(next, count: min(room, limit - text.count), into: &part)
      if got == 0 { return text.isEmpty ? nil : text }
      if let end = part.firstIndex(of: 0) { return text + part[..<end] }
      text += part
      next += UInt64(got)
    }
    return text
  }
}
