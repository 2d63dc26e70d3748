// What strangers' bytes become in a line of JSON.

import Foundation
import Support
import Testing
import Trace

@testable import Report

@Suite struct LineBufferTests {
  /// The line `{"trace":"t",KEY:...}` that `write` completes.
  private func line(_ write: (inout LineBuffer) -> Void) -> [UInt8] {
    var buffer = LineBuffer()
    buffer.beginLine(Array("\"t\"".utf8))
    write(&buffer)
    buffer.endLine()
    return buffer.bytes
  }

  private func name(_ text: [UInt8]) throws -> (raw: [UInt8], decoded: String?) {
    let raw = line { $0.add(.name, text) }
    return (raw, try JSONDecoder().decode([String: String].self, from: Data(raw))["name"])
  }

  /// What a terminal would obey, and what would end a line.
  private func isHarmless(_ raw: [UInt8]) -> Bool {
    guard raw.last == 0x0A, let text = String(validating: raw, as: UTF8.self) else { return false }
    return text.dropLast().unicodeScalars.allSatisfy { scalar in
      scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .lineSeparator
        && scalar.properties.generalCategory != .paragraphSeparator && !(0x202A...0x202E).contains(scalar.value)
        && !(0x2066...0x2069).contains(scalar.value)
    }
  }

  @Test func everyByteIsEscapedAlone() throws {
    for byte in UInt8.min...UInt8.max {
      let text = [0x61, byte, 0x62]
      let (raw, decoded) = try name(text)
      #expect(decoded == String(decoding: text, as: UTF8.self), "byte \(byte)")
      #expect(isHarmless(raw), "byte \(byte)")
    }
  }

  @Test(arguments: [
    "\"\\\n\r\t\u{0}\u{1B}[31m", "</script><img>", "\u{2028}\u{2029}", "a\u{202E}b\u{2066}c\u{200F}\u{61C}\u{FEFF}",
    "é😀\u{9B}31m",
    "e\u{301}", "", "\u{10FFFF}\u{FFFD}", "{\"a\":1}\n{\"b\":2}",
  ])
  func textsAreThemselvesOnceParsed(_ text: String) throws {
    let (raw, decoded) = try name(Array(text.utf8))
    #expect(decoded == text)
    #expect(isHarmless(raw))
  }

  @Test(arguments: [
    [0xFF], [0xC3], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xC0, 0xAF], [0x80, 0x22],
  ])
  func whatIsNoUTF8IsReplaced(_ bytes: [UInt8]) throws {
    let (raw, decoded) = try name(Array("a".utf8) + bytes + Array("\"b".utf8))
    #expect(decoded == "a" + String(decoding: bytes, as: UTF8.self) + "\"b")
    #expect(decoded?.contains("\u{FFFD}") == true)
    #expect(isHarmless(raw))
  }

  @Test func randomBytesAreOneLine() throws {
    var state: UInt64 = 7
    for length in 0..<500 {
      var text: [UInt8] = []
      for _ in 0..<length % 41 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text.append(UInt8(truncatingIfNeeded: state >> 33))
      }
      let (raw, decoded) = try name(text)
      #expect(decoded == String(decoding: text, as: UTF8.self))
      #expect(raw.firstIndex(of: 0x0A) == raw.count - 1)
    }
  }

  @Test func payloadKeepsEveryByte() throws {
    let all = (UInt8.min...UInt8.max).map { $0 }
    let raw = line { $0.add(.payload, payload: all[...]) }
    #expect(isHarmless(raw))
    let text = try #require(JSONDecoder().decode([String: String].self, from: Data(raw))["payload"])
    #expect(Payload.bytes(text) == all)
    #expect(text.contains(#"[\\]^"#))
  }

  @Test(arguments: [
    (0, "0"), (7, "7"), (10, "10"), (1_234_567_890, "1234567890"), (-1, "-1"), (-110, "-110"),
    (Int64.max, "9223372036854775807"), (Int64.min, "-9223372036854775808"),
  ])
  func numbersAreDecimal(_ number: Int64, _ text: String) {
    #expect(String(decoding: line { $0.add(.value, number) }, as: UTF8.self) == "{\"trace\":\"t\",\"value\":\(text)}\n")
  }

  @Test func greaterNumbersAreTheGreatest() {
    let raw = line { $0.add(.value, UInt64.max) }
    #expect(String(decoding: raw, as: UTF8.self) == "{\"trace\":\"t\",\"value\":9223372036854775807}\n")
  }

  @Test(arguments: [
    (0, "0x0"), (15, "0xf"), (16, "0x10"), (0x7FFF_1234, "0x7fff1234"), (UInt64.max, "0xffffffffffffffff"),
  ])
  func masksAreHexadecimal(_ number: UInt64, _ text: String) {
    #expect(
      String(decoding: line { $0.add(.data, hex: number) }, as: UTF8.self) == "{\"trace\":\"t\",\"data\":\"\(text)\"}\n"
    )
  }

  @Test func readinessIsNamed() {
    var buffer = LineBuffer()
    buffer.string(
      [.input, .hangup, .edgeTriggered], [(.input, "IN"), (.output, "OUT"), (.hangup, "HUP"), (.edgeTriggered, "ET")])
    #expect(String(decoding: buffer.bytes, as: UTF8.self) == "\"IN|HUP|ET\"")
  }
}
