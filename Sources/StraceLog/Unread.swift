// What a log holds that is not read: counted by kind, with the first places, so that nothing is dropped without a word.

/// Kinds of lines and calls that say nothing to the model.
public enum UnreadKind: Int, CaseIterable, Sendable {
  /// No line of strace's: the program's own output, prose.
  case prose
  /// A call whose result is not there.
  case cut
  /// A call by a name that is not known.
  case unknownCall
  /// The end of a call that was not seen to begin.
  case endAlone
  /// `[...]` and its like: lines are missing.
  case gap
  /// -c's table, and what strace says of itself.
  case strace

  /// In words for one and for many.
  public var words: (one: String, many: String) {
    switch self {
    case .prose: ("line that is not strace's", "lines that are not strace's")
    case .cut: ("call without its result", "calls without their results")
    case .unknownCall: ("call by an unknown name", "calls by unknown names")
    case .endAlone: ("end of a call whose beginning is not there", "ends of calls whose beginnings are not there")
    case .gap: ("gap", "gaps")
    case .strace: ("line of strace's about itself", "lines of strace's about itself")
    }
  }
}

/// How often each kind was met, and where.
public struct Unread: Sendable {
  /// Places that are kept for each kind.
  private static let mostKept = 1000

  public struct Place: Sendable {
    public var path: String
    public var line: Int
    /// The line's beginning, as it stands there.
    public var text: [UInt8]
  }

  public private(set) var counts: [UnreadKind: Int] = [:]
  public private(set) var places: [UnreadKind: [Place]] = [:]

  mutating func note(_ kind: UnreadKind, _ line: Scanner, at number: Int, of path: String) {
    counts[kind, default: 0] += 1
    guard places[kind, default: []].count < Self.mostKept else { return }
    places[kind, default: []].append(
      Place(path: path, line: number, text: line.text(line.at..<min(line.end, line.at + 120))))
  }

  public var isEmpty: Bool { counts.isEmpty }
}
