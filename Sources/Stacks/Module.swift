// An ELF file that is mapped into a target, as its headers tell in the target's own memory (elf(5)).

import CUnwind

struct Module {
  var path: [UInt8]
  var start: UInt64
  var end: UInt64 = 0
  /// Whether its first mapping is that of the file's begin.
  var hasHeader: Bool
  private(set) var isExamined = false
  /// What is added to the file's own addresses (p_vaddr) where it is mapped.
  private(set) var bias: UInt64 = 0
  /// The note NT_GNU_BUILD_ID; empty where there is none.
  private(set) var buildID: [UInt8] = []
  /// Of a file without a build id, what tells it apart; else 0.
  private(set) var digest: UInt64 = 0
  private(set) var table: cunwind_table?
  /// PT_DYNAMIC's place in the target.
  private(set) var dynamic: UInt64?
  /// A word that is another in another file, and its place: eight bytes of the build id, or of the ELF header.
  private(set) var mark: (address: UInt64, word: UInt64)?

  private static let mostHeaders = 64

  init(path: [UInt8], start: UInt64, hasHeader: Bool) {
    self.path = path
    self.start = start
    self.hasHeader = hasHeader
  }

  mutating func examine(_ memory: TargetMemory) {
    isExamined = true
    bias = start
    // e_ident's magic, and ELFCLASS64.
    guard hasHeader, memory.load(start, as: UInt32.self) == 0x464C_457F, memory.load(start &+ 4, as: UInt8.self) == 2,
      let headers = memory.load(start &+ 32, as: UInt64.self), let size = memory.load(start &+ 54, as: UInt16.self),
      let count = memory.load(start &+ 56, as: UInt16.self), count <= Self.mostHeaders
    else { return }
    var code: Range<UInt64>?
    var unwinding: UInt64?
    var notes: [(UInt64, UInt64)] = []
    for place in 0..<UInt64(count) {
      let header = start &+ headers &+ place * UInt64(size)
      guard let type = memory.load(header, as: UInt32.self), let flags = memory.load(header &+ 4, as: UInt32.self),
        let offset = memory.load(header &+ 8, as: UInt64.self),
        let address = memory.load(header &+ 16, as: UInt64.self),
        let length = memory.load(header &+ 40, as: UInt64.self)
      else { return }
      switch type {
      case 1 where offset == 0: bias = start &- address
      case 1 where flags & 1 != 0:
        let range = Self.range(address, length)
        code = code.map { min($0.lowerBound, range.lowerBound)..<max($0.upperBound, range.upperBound) } ?? range
      case 2: dynamic = address
      case 4: notes.append((address, length))
      case 0x6474_E550: unwinding = address
      default: break
      }
      // A first segment can be code as well.
      if type == 1, offset == 0, flags & 1 != 0 { code = Self.range(address, length) }
    }
    dynamic = dynamic.map { bias &+ $0 }
    for note in notes where buildID.isEmpty { findBuildID(bias &+ note.0, note.1, memory) }
    if buildID.isEmpty, let head = memory.bytes(start, count: 64),
      let table = memory.bytes(start &+ headers, count: Int(size) * Int(count))
    {
      digest = Self.digest(head + table)
    }
    if mark == nil, let word = memory.load(start &+ 40, as: UInt64.self) { mark = (start &+ 40, word) }
    if let unwinding, let code { findTable(bias &+ unwinding, code, memory) }
  }

  private static func range(_ address: UInt64, _ length: UInt64) -> Range<UInt64> {
    address..<max(address, address &+ length)
  }

  /// FNV-1a (64 bits) of the ELF header and the program headers: it tells files without a build id apart.
  private static func digest(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  private mutating func findBuildID(_ address: UInt64, _ length: UInt64, _ memory: TargetMemory) {
    var place = address
    let end = address &+ min(length, 4096)
    while place &+ 12 <= end, let nameSize = memory.load(place, as: UInt32.self),
      let size = memory.load(place &+ 4, as: UInt32.self), let type = memory.load(place &+ 8, as: UInt32.self),
      nameSize < 4096, size < 4096
    {
      let text = place &+ 12 &+ UInt64(nameSize + 3) & ~3
      // NT_GNU_BUILD_ID of "GNU\0".
      if type == 3, nameSize == 4, memory.load(place &+ 12, as: UInt32.self) == 0x0055_4E47, size >= 8, size <= 64 {
        buildID = memory.bytes(text, count: Int(size)) ?? []
        if let word = memory.load(text, as: UInt64.self), !buildID.isEmpty { mark = (text, word) }
        return
      }
      place = text &+ UInt64(size + 3) & ~3
    }
  }

  /// .eh_frame_hdr: version, three encodings, the address of .eh_frame, the number of entries, the entries. Without its binary search
  /// table (DW_EH_PE_datarel | DW_EH_PE_sdata4) there is nothing for libunwind to search.
  private mutating func findTable(_ header: UInt64, _ code: Range<UInt64>, _ memory: TargetMemory) {
    guard memory.load(header, as: UInt8.self) == 1, let pointer = memory.load(header &+ 1, as: UInt8.self),
      let counted = memory.load(header &+ 2, as: UInt8.self), memory.load(header &+ 3, as: UInt8.self) == 0x3B,
      let pointerSize = Self.size(of: pointer)
    else { return }
    let place = header &+ 4 &+ pointerSize
    let entries: UInt64?
    switch counted & 0x0F {
    case 0x03, 0x0B: entries = memory.load(place, as: UInt32.self).map(UInt64.init)
    case 0x04, 0x0C: entries = memory.load(place, as: UInt64.self)
    default: entries = nil
    }
    guard let entries, let countSize = Self.size(of: counted), entries > 0, entries < 1 << 24 else { return }
    table = cunwind_table(
      code_start: bias &+ code.lowerBound, code_end: bias &+ code.upperBound, header: header, table: place &+ countSize,
      entries: entries)
  }

  /// The size of a number by its DW_EH_PE encoding.
  private static func size(of encoding: UInt8) -> UInt64? {
    switch encoding & 0x0F {
    case 0x02, 0x0A: 2
    case 0x03, 0x0B: 4
    case 0x04, 0x0C, 0x00: 8
    default: nil
    }
  }
}
