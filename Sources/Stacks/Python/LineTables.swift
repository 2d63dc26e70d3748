// From an instruction of a code object to its line: three formats of one table.

enum LineTables {
  /// The line, or nil where the instruction has none.
  ///
  /// - instruction: what f_lasti means in that version (3.8 and 3.9: bytes; later: code units of two bytes).
  static func line(of instruction: Int, in table: [UInt8], from first: Int, version: UInt16) -> Int? {
    switch version {
    case ..<0x030A: byPairs(instruction, table, first)
    case 0x030A: byRanges(instruction * 2, table, first)
    default: byLocations(instruction, table, first)
    }
  }

  /// co_lnotab: pairs of an address' increment (unsigned) and a line's (signed). Objects/lnotab_notes.txt, 3.9.
  private static func byPairs(_ place: Int, _ table: [UInt8], _ first: Int) -> Int? {
    var line = first
    var address = 0
    var index = 0
    while index + 1 < table.count {
      address += Int(table[index])
      if address > place { break }
      line += Int(Int8(bitPattern: table[index + 1]))
      index += 2
    }
    return line
  }

  /// co_linetable of 3.10: ranges of bytes, each with its line's increment; -128 for none. Objects/lnotab_notes.txt, 3.10.
  private static func byRanges(_ place: Int, _ table: [UInt8], _ first: Int) -> Int? {
    var line = first
    var end = 0
    var index = 0
    while index + 1 < table.count {
      end += Int(table[index])
      let increment = Int8(bitPattern: table[index + 1])
      if increment != -128 { line += Int(increment) }
      if end > place { return increment == -128 ? nil : line }
      index += 2
    }
    return nil
  }

  /// co_linetable since 3.11: entries of a code, a length in code units and varints. Objects/locations.md, 3.11.
  private static func byLocations(_ place: Int, _ table: [UInt8], _ first: Int) -> Int? {
    var line = first
    var end = 0
    var index = 0
    while index < table.count {
      let head = table[index]
      index += 1
      let code = head >> 3 & 15
      end += Int(head & 7) + 1
      switch code {
      case 13, 14: line += signed(table, &index)
      case 10, 11, 12: line += Int(code) - 10
      default: break
      }
      if end > place { return code == 15 ? nil : line }
      // The next entry's head is the next byte with its highest bit set.
      while index < table.count, table[index] & 0x80 == 0 { index += 1 }
    }
    return nil
  }

  private static func signed(_ table: [UInt8], _ index: inout Int) -> Int {
    var value = 0
    var shift = 0
    while index < table.count, shift < 36 {
      let byte = table[index]
      index += 1
      value |= Int(byte & 0x3F) << shift
      shift += 6
      if byte & 0x40 == 0 { break }
    }
    return value & 1 == 1 ? -(value >> 1) : value >> 1
  }
}
