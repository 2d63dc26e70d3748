// A memory map of the target, and where in it a few words can be put for the time of an injected call.

import Ptrace

/// What processes made with CLONE_VM share, until exec.
final class AddressSpace {
  /// Who makes an injected call just now: the room for it is one.
  var injecting: Tracee?
  /// Room that belongs to nobody; nil until it was looked for.
  private var room: (address: UInt64, words: Int)??

  /// The spare tail of the vDSO: its last page is mapped whole, and the ELF file in it ends before. Nil where there is no vDSO.
  ///
  /// Below a stack's red zone is no such room: a small stack may end there, and another thread's memory begin.
  func spareRoom(_ memory: TraceeMemory) -> (address: UInt64, words: Int)? {
    if let known = room { return known }
    let found = Self.vdsoTail(memory)
    room = .some(found)
    return found
  }

  init() {}

  /// A forked child's: everything lies where it lay.
  init(copyOf other: AddressSpace) { room = other.room }

  /// It turned out not to be there: the program may unmap it.
  func forgetRoom() { room = .some(nil) }

  private static func vdsoTail(_ memory: TraceeMemory) -> (address: UInt64, words: Int)? {
    guard let mapping = ProcFS.vdso(of: memory.tid),
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
    var tail: [UInt8] = []
    let room = Int(mapping.upperBound - end)
    guard memory.read(end, count: room, into: &tail) == room, tail.allSatisfy({ $0 == 0 }) else { return nil }
    return (end, room / 8)
  }
}
