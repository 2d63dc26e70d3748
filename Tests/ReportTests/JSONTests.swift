// The contract's JSON, and what strangers' texts become in it.

import Foundation
import Testing

@testable import Report

@Suite struct JSONTests {
  @Test func textIsEscapedSoThatNothingBreaksOut() throws {
    let hostile = "\"\\\n\u{0}\u{1B}[31m</script><img>\u{2028}\u{202E}é😀"
    let text = JSON.object([("k", .string(hostile))]).text()
    #expect(!text.contains("<"))
    #expect(!text.unicodeScalars.contains { $0.value < 0x20 })
    let decoded = try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    #expect(decoded["k"] == hostile)
  }

  @Test func keysKeepTheirOrderAndNullIsSaid() {
    let json = JSON.object([("b", .null), ("a", .array([.integer(-1), .unsigned(.max), .bool(true), .number(.nan)]))])
    #expect(json.text() == #"{"b":null,"a":[-1,18446744073709551615,true,null]}"#)
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
    (1_795_000_000, "2026-11-18T11:06:40.000Z"), (4_107_542_399, "2100-02-28T23:59:59.000Z"),
  ])
  func timestampsAreISO8601(_ seconds: UInt64, _ text: String) {
    #expect(JSONReport.timestamp(seconds * 1_000_000_000) == text)
  }
}
