// Copies of a trace as accidents and strangers leave them; the same number makes the same copy.

import Trace

public enum Damage {
  private enum Kind: CaseIterable {
    case cut, flippedBits, flippedBitsResealed, swappedBlocks, repeatedPart, hugeField, emptiedPart, bentRecords
  }

  /// Of numbers in a row each kind of damage comes in its turn.
  public static func copy(_ number: Int, of file: [UInt8]) -> [UInt8] {
    guard file.count > 128 else { return file }
    var random = SeededGenerator(UInt32(truncatingIfNeeded: number))
    var copy = file
    func place(_ span: Int = 1) -> Int { Int.random(in: 0...max(0, file.count - span), using: &random) }
    switch Kind.allCases[number % Kind.allCases.count] {
    case .cut: copy.removeLast(place())
    case .flippedBits: flip(&copy, using: &random)
    case .flippedBitsResealed:
      flip(&copy, using: &random)
      copy = TraceImage.sealed(copy)
    case .swappedBlocks:
      let size = [8, 64, 512, 4096].filter { $0 < file.count / 2 }.randomElement(using: &random)!
      let (one, other) = (place(size), place(size))
      copy.replaceSubrange(one..<one + size, with: file[other..<other + size])
      copy.replaceSubrange(other..<other + size, with: file[one..<one + size])
    case .repeatedPart:
      let size = Int.random(in: 1...file.count / 2, using: &random)
      let from = place(size)
      copy.insert(contentsOf: file[from..<from + size], at: place())
    case .hugeField:
      // A header's or the trailer's.
      let starts = [8, 12, 16, 24, 64 + 8, 64 + 12, 64 + 24, 64 + 32, 64 + 40, file.count - 16]
      let start = starts.randomElement(using: &random)!
      let value = TraceMutator.edges.randomElement(using: &random)!
      for byte in 0..<(Bool.random(using: &random) ? 4 : 8) {
        copy[start + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte))
      }
    case .emptiedPart:
      let size = Int.random(in: 1...file.count / 4, using: &random)
      let start = place(size)
      copy.replaceSubrange(start..<start + size, with: repeatElement(0, count: size))
    case .bentRecords:
      var image = TraceImage(file)
      guard let chunk = image.chunks.indices.randomElement(using: &random) else { return file }
      let bent = TraceMutator.mutated(
        [UInt8(image.version - 1)] + image.chunks[chunk], with: [], seed: UInt32(truncatingIfNeeded: number),
        most: 65536
      ) { bytes, _ in bytes }
      image.chunks[chunk] = Array(bent.dropFirst())
      return image.file()
    }
    return copy
  }

  private static func flip(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...8, using: &random) {
      bytes[bytes.indices.randomElement(using: &random)!] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    }
  }
}
