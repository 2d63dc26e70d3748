// A memory map of the target, and where in it a few words can be put for the time of an injected call.

import Ptrace
import Stacks

/// What processes made with CLONE_VM share, until exec.
final class AddressSpace {
  /// Who makes an injected call just now: the room for it is one.
  var injecting: Tracee?
  /// What stacks need to know of it.
  var stacks = StackSpace()
  /// Room that belongs to nobody; nil until it was looked for.
  private var room: Room??

  private struct Room {
    /// Where the vDSO begins, and its ELF header: by it the place is known again.
    var start: UInt64
    var header: [UInt8]
    var address: UInt64
    var words: Int
  }

  private static let headerSize = 64

  /// The spare tail of the vDSO: its last page is mapped whole, and the ELF file in it ends before. Nil where there is no vDSO.
  ///
  /// Below a stack's red zone is no such room: a small stack may end there, and another thread's memory begin.
  ///
  /// A program may unmap it, and map its own memory there: that is looked at before each use.
  func spareRoom(_ memory: TraceeMemory) -> (address: UInt64, words: Int)? {
    guard let known = room ?? Self.vdsoTail(memory) else {
      room = .some(nil)
      return nil
    }
    room = known
    var header: [UInt8] = []
    var tail: [UInt8] = []
    guard memory.read(known.start, count: Self.headerSize, into: &header) == Self.headerSize, header == known.header,
      memory.read(known.address, count: known.words * 8, into: &tail) == known.words * 8, tail.allSatisfy({ $0 == 0 })
    else { return nil }
    return (known.address, known.words)
  }

  init() {}

  /// A forked child's: everything lies where it lay.
  init(copyOf other: AddressSpace) {
    room = other.room
    stacks = other.stacks
  }

  /// It turned out not to be there: the program may unmap it.
  func forgetRoom() { room = .some(nil) }

  private static func vdsoTail(_ memory: TraceeMemory) -> Room? {
    var header: [UInt8] = []
    guard let mapping = ProcFS.vdso(of: memory.tid),
      memory.read(mapping.lowerBound, count: headerSize, into: &header) == headerSize,
      // Elf64_Ehdr: e_shoff at 40, e_shentsize at 58, e_shnum at 60 (elf(5)). The section headers come last.
      memory.load(mapping.lowerBound, as: UInt32.self) == 0x464C_457F,
      let sections = memory.load(mapping.lowerBound + 40, as: UInt64.self),
      let size = memory.load(mapping.lowerBound + 58, as: UInt16.self),
      let count = memory.load(mapping.lowerBound + 60, as: UInt16.self)
    else { return nil }
    let length = sections &+ UInt64(size) * UInt64(count)
    guard length >= 64, length < UInt64(mapping.count) else { return nil }
    let end = (mapping.lowerBound + length + 15) & ~15
    guard end < mapping.upperBound else { return nil }
    return Room(start: mapping.lowerBound, header: header, address: end, words: Int(mapping.upperBound - end) / 8)
  }
}
