// JSON with its keys in the order in which the contract names them, and null where nothing is known (Foundation's encoder
// keeps neither).

import Analysis

indirect enum JSON {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
  static func optional(_ number: (some BinaryInteger)?) -> JSON {
    number.map { $0 < 0 ? .integer(Int64($0)) : .unsigned(UInt64($0)) } ?? .null
  }

  /// The text. `pretty`: one key a line, indented by two.
  func text(pretty: Bool = false) -> String {
    var output = ""
    write(into: &output, pretty: pretty, depth: 0)
    return output
  }

  private func write(into output: inout String, pretty: Bool, depth: Int) {
    switch self {
    case .null: output += "null"
    case .bool(let value): output += value ? "true" : "false"
    case .integer(let value): output += String(value)
    case .unsigned(let value): output += String(value)
    case .number(let value): output += value.isFinite ? String(value) : "null"
    case .string(let value): Self.write(value, into: &output)
    case .array(let items):
      Self.write(items.count, open: "[", close: "]", into: &output, pretty: pretty, depth: depth) {
        items[$0].write(into: &$1, pretty: pretty, depth: depth + 1)
      }
    case .object(let members):
      Self.write(members.count, open: "{", close: "}", into: &output, pretty: pretty, depth: depth) {
        Self.write(members[$0].0, into: &$1)
        $1 += pretty ? ": " : ":"
        members[$0].1.write(into: &$1, pretty: pretty, depth: depth + 1)
      }
    }
  }

  private static func write(
    _ count: Int, open: String, close: String, into output: inout String, pretty: Bool, depth: Int,
    _ item: (Int, inout String) -> Void
  ) {
    output += open
    for place in 0..<count {
      if place > 0 { output += "," }
      if pretty { output += "\n" + String(repeating: "  ", count: depth + 1) }
      item(place, &output)
    }
    if pretty, count > 0 { output += "\n" + String(repeating: "  ", count: depth) }
    output += close
  }

  /// A string literal (RFC 8259, section 7). `<` is escaped too, so that it may stand in a script element, and so is what a terminal
  /// would obey or hide: it is itself again once parsed.
  private static func write(_ text: String, into output: inout String) {
    output += "\""
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C && $0 != 0x3C }) {
      output += text
      output += "\""
      return
    }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case _
      where scalar == "<" || !scalar.isASCII && EventText.isHarmful(scalar) || scalar.value < 0x20 || scalar == "\u{7F}":
        for unit in UTF16.encode(scalar)! {
          let digits = String(unit, radix: 16)
          output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      default: output.unicodeScalars.append(scalar)
      }
    }
    output += "\""
  }
}
