// Names of functions as their languages write them, and lines from CPython's tables.

import Testing

@testable import Stacks

@Suite struct NamesTests {
  @Test(arguments: [
    ("_ZN3foo3barEi", "foo::bar"), ("_ZN5boost4asio6detail9scheduler3runEv", "boost::asio::detail::scheduler::run"),
    // Rust: the old scheme with its hash, and v0.
    ("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt"),
    ("_RNvCs15kBYyAo9fc_7mycrate3foo", "mycrate::foo"), ("$s4main3fooyyF", "main.foo() -> ()"),
    ("g_wakeup_signal", "g_wakeup_signal"), ("_start", "_start"),
    ("_PyEval_EvalFrameDefault", "_PyEval_EvalFrameDefault"),
    ("_ZN", "_ZN"), ("$s", "$s"), ("", ""),
  ]) func symbolsAreDemangled(_ symbol: String, _ name: String) {
    #expect(Symbols.demangled(symbol) == name)
  }

  /// co_lnotab of 3.9: an increment of more than 255 bytes, and lines that go back.
  @Test(arguments: [(0, 10), (5, 10), (6, 11), (260, 11), (262, 8), (9999, 8)]) func pairs(_ place: Int, _ line: Int) {
    let table: [UInt8] = [6, 1, 255, 0, 1, 253]
    #expect(LineTables.line(of: place, in: table, from: 10, version: 0x0309) == line)
  }

  /// co_linetable of 3.10, in code units: a range without a line.
  @Test(arguments: [(0, 10), (1, 10), (2, nil), (3, 14), (4, nil)] as [(Int, Int?)])
  func ranges(_ place: Int, _ line: Int?) {
    let table: [UInt8] = [4, 0, 2, 0x80, 2, 4]
    #expect(LineTables.line(of: place, in: table, from: 10, version: 0x030A) == line)
  }

  /// co_linetable of 3.11: a short form, one without columns, a long one that goes back, one without a line.
  @Test(arguments: [(0, 10), (1, 13), (2, 13), (3, 3), (4, nil), (5, nil)] as [(Int, Int?)])
  func locations(_ place: Int, _ line: Int?) {
    let table: [UInt8] = [
      0x80, 0x11,  // short form 0, one unit
      0x80 | 13 << 3 | 1, 6,  // no columns, two units, +3
      0x80 | 14 << 3, 21, 0, 1, 1,  // long, one unit, -10
      0x80 | 15 << 3,  // none, one unit
    ]
    #expect(LineTables.line(of: place, in: table, from: 10, version: 0x030B) == line)
  }

  /// What comes from a target is no promise.
  @Test func tablesThatLieEnd() {
    for version in [0x0309, 0x030A, 0x030B] as [UInt16] {
      for byte in 0...255 {
        let table = [UInt8](repeating: UInt8(byte), count: 999)
        _ = LineTables.line(of: Int.max / 4, in: table, from: 1, version: version)
        _ = LineTables.line(of: 5, in: Array(table.prefix(1)), from: 1, version: version)
      }
    }
  }
}
