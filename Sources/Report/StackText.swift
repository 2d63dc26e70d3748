// A stack for eyes: the user's own frames, one a line; what libraries did between them folded.

import Analysis

enum StackText {
  private static let mostLines = 12
  private static let mostFolded = 4

  static func lines(_ frames: [Frame]) -> [String] {
    var lines: [String] = []
    var folded: [Frame] = []
    func flush() {
      let names = folded.compactMap(\.function)
      if !names.isEmpty {
        let shown = names.prefix(mostFolded).joined(separator: " < ")
        lines.append("  \(shown)\(names.count > mostFolded ? " < \(names.count - mostFolded) more" : "")")
      }
      folded = []
    }
    for frame in frames {
      // Addresses without a name say little between names.
      if frame.isLibrary && !frame.isBlamed {
        folded.append(frame)
        continue
      }
      flush()
      lines.append("\(frame.isBlamed ? "> " : "  ")\(frame.words)")
    }
    // What started the program is no news below its own code.
    if lines.isEmpty { flush() }
    if lines.count > mostLines { lines = lines.prefix(mostLines) + ["  and \(lines.count - mostLines) more"] }
    return lines
  }
}
