// How a fuzzer bends traces: by whole records and by numbers, since a random bit mostly ends the reading where it stands.

import Trace

/// A generator of random numbers that a seed decides.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt32) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}

public enum TraceMutator {
  /// Numbers at which something may tip over.
  static let edges: [UInt64] = [
    0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 63, 64, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 4097, 65535, 65536, 65537,
    (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 21) - 2, 1 << 21, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1,
    1 << 32,
    1 << 53, 1 << 62, (1 << 63) - 1, 1 << 63, .max - 1, .max,
  ]

  /// Another input of at most `most` bytes. `other`: one to take records from; `bend` changes bytes as the fuzzer likes.
  public static func mutated(
    _ input: [UInt8], with other: [UInt8], seed: UInt32, most: Int, bend: ([UInt8], Int) -> [UInt8]
  ) -> [UInt8] {
    var random = SeededGenerator(seed)
    if TraceInput.isFile(input) {
      let bent = bend(input, most)
      return Bool.random(using: &random) ? TraceImage.sealed(bent) : bent
    }
    guard let version = input.first, Int.random(in: 0..<8, using: &random) > 0 else { return bend(input, most) }
    var records = Self.records(of: input)
    let others = Self.records(of: TraceInput.isFile(other) ? [] : other)
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      change(&records, others, most, using: &random, bend: bend)
    }
    var output = [version]
    for record in records where output.count + record.count <= most { output += record }
    return output
  }

  /// The records behind the version; what is no record is one.
  private static func records(of input: [UInt8]) -> [[UInt8]] {
    guard let version = input.first else { return [] }
    let body = Array(input.dropFirst())
    var ends = RecordWalk.boundaries(of: body, version: 1 + Int(version) % TraceFormat.version)
    if ends.last != body.count { ends.append(body.count) }
    return zip(ends, ends.dropFirst()).map { Array(body[$0..<$1]) }
  }

  private static func change(
    _ records: inout [[UInt8]], _ others: [[UInt8]], _ most: Int, using random: inout SeededGenerator,
    bend: ([UInt8], Int) -> [UInt8]
  ) {
    guard !records.isEmpty else {
      records = others
      return
    }
    let place = records.indices.randomElement(using: &random)!
    let end = min(records.count, place + (1 << Int.random(in: 0..<4, using: &random)))
    switch Int.random(in: 0..<12, using: &random) {
    case 0: records.removeSubrange(place..<end)
    case 1: records.insert(contentsOf: records[place..<end], at: records.indices.randomElement(using: &random)!)
    case 2:
      let times = 1 << Int.random(in: 0..<7, using: &random)
      records.insert(contentsOf: Array(repeating: records[place], count: times), at: place)
    case 3: records.swapAt(place, records.indices.randomElement(using: &random)!)
    case 4, 5:
      guard let from = others.indices.randomElement(using: &random) else { return }
      let part = others[from..<min(others.count, from + 1 << Int.random(in: 0..<4, using: &random))]
      records.insert(contentsOf: part, at: place)
    case 6: records[place] = bend(records[place], min(most, records[place].count + 8))
    // The thread of what follows is another.
    case 7: setNumber(&records[place], at: 1, using: &random)
    default: setNumber(&records[place], at: Int.random(in: 0..<records[place].count, using: &random), using: &random)
    }
  }

  /// Puts a number at the edge of something, or one close to what was there, where the varint around `place` stands.
  private static func setNumber(_ record: inout [UInt8], at place: Int, using random: inout SeededGenerator) {
    guard place < record.count else { return }
    var start = place
    while start > 0, record[start - 1] >= 0x80 { start -= 1 }
    var end = place
    while end < record.count - 1, record[end] >= 0x80 { end += 1 }
    var value: UInt64 = 0
    for byte in record[start...end].reversed() { value = value << 7 | UInt64(byte & 0x7F) }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: value = edges.randomElement(using: &random)!
    case 1: value = value &+ UInt64.random(in: 0...4, using: &random) &- 2
    case 2: value = UInt64.random(in: 0..<64, using: &random)
    default: value = edges.randomElement(using: &random)! &- UInt64.random(in: 0...2, using: &random)
    }
    var bytes: [UInt8] = []
    repeat {
      bytes.append(UInt8(value & 0x7F) | (value > 0x7F ? 0x80 : 0))
      value >>= 7
    } while value > 0
    record.replaceSubrange(start...end, with: bytes)
  }
}
