// Exported symbols of a mapped module, looked up in the target's memory by the GNU hash table (DT_GNU_HASH), as ld.so does (glibc 2.36,
// elf/dl-lookup.c, do_lookup_x).

struct DynamicSymbols {
  private let bias: UInt64
  private let memory: TargetMemory
  private let symbols: UInt64
  private let strings: UInt64
  private let bloom: UInt64
  private let bloomWords: UInt64
  private let bloomShift: UInt64
  private let buckets: UInt64
  private let bucketCount: UInt64
  private let firstHashed: UInt64
  private let chains: UInt64

  private static let mostEntries = 512
  private static let longestChain = 256

  /// Nil where there is no such table.
  init?(of module: Module, _ memory: TargetMemory) {
    guard let dynamic = module.dynamic else { return nil }
    var found: [Int64: UInt64] = [:]
    for place in 0..<UInt64(Self.mostEntries) {
      guard let tag = memory.load(dynamic &+ place * 16, as: Int64.self), tag != 0,
        let value = memory.load(dynamic &+ place * 16 &+ 8, as: UInt64.self)
      else { break }
      found[tag] = value
    }
    // ld.so has added the bias to these in its own copy, but not in the vDSO's.
    func address(_ tag: Int64) -> UInt64? {
      found[tag].map { $0 >= module.bias && module.bias > 0 ? $0 : module.bias &+ $0 }
    }
    // DT_SYMTAB, DT_STRTAB, DT_GNU_HASH.
    guard let symbols = address(6), let strings = address(5), let hash = address(0x6FFF_FEF5),
      let bucketCount = memory.load(hash, as: UInt32.self), let first = memory.load(hash &+ 4, as: UInt32.self),
      let words = memory.load(hash &+ 8, as: UInt32.self), let shift = memory.load(hash &+ 12, as: UInt32.self),
      bucketCount > 0, words > 0
    else { return nil }
    bias = module.bias
    self.memory = memory
    self.symbols = symbols
    self.strings = strings
    bloom = hash &+ 16
    bloomWords = UInt64(words)
    bloomShift = UInt64(shift & 63)
    buckets = bloom &+ bloomWords * 8
    self.bucketCount = UInt64(bucketCount)
    firstHashed = UInt64(first)
    chains = buckets &+ self.bucketCount * 4
  }

  /// The address of a symbol that the module defines.
  func address(of name: StaticString) -> UInt64? {
    let text = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    let hash = text.reduce(UInt32(5381)) { $0 &* 33 &+ UInt32($1) }
    let bits = UInt64(1) << UInt64(hash & 63) | UInt64(1) << (UInt64(hash) >> bloomShift & 63)
    guard let filter = memory.load(bloom &+ UInt64(hash / 64) % bloomWords * 8, as: UInt64.self), filter & bits == bits,
      let bucket = memory.load(buckets &+ UInt64(hash) % bucketCount * 4, as: UInt32.self), bucket >= firstHashed
    else { return nil }
    var number = UInt64(bucket)
    for _ in 0..<Self.longestChain {
      guard let value = memory.load(chains &+ (number - firstHashed) * 4, as: UInt32.self) else { return nil }
      // Elf64_Sym, 24 bytes: st_name, st_info, st_other, st_shndx, st_value, st_size.
      if value | 1 == hash | 1, let place = memory.load(symbols &+ number &* 24, as: UInt32.self),
        let section = memory.load(symbols &+ number &* 24 &+ 6, as: UInt16.self), section != 0,
        memory.bytes(strings &+ UInt64(place), count: text.count + 1).map({ $0.elementsEqual(text + [0]) }) == true,
        let address = memory.load(symbols &+ number &* 24 &+ 8, as: UInt64.self)
      {
        return bias &+ address
      }
      if value & 1 == 1 { return nil }
      number += 1
    }
    return nil
  }
}
