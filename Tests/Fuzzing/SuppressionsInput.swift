// A file of suppressions, held against a finding whose files and functions are as hostile: the words of the same input.

import Analysis

enum SuppressionsInput {
  static func read(_ bytes: [UInt8]) {
    // As the command does it: what is no UTF-8 is refused.
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    guard let suppressions = try? Suppressions(text) else { return }
    let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
    let files = words.suffix(8) + [String(repeating: "a", count: 1000)]
    for entry in suppressions.entries {
      for rule in [RuleID.busyPoll, .foreignRead] {
        _ = entry.matches(rule, fingerprint: "0123456789abcdef", files: Array(files), functions: words)
      }
    }
  }
}
