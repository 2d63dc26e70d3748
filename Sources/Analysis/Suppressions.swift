// Findings that a project has looked at and lives with: a file of them, for `check` and `analyze`.
//
//     # One entry a line; a comment says why.
//     fingerprint 3fb1c2d4e5f60718                      # ticket 12: fixed in libfoo 2.3
//     rule busy-poll path */libfoo.so*                  # every spin of a program or a frame there
//     rule foreign-read function read_* path */tests/*  # all patterns of an entry must match
//
// Patterns are those of fnmatch(3), without flags. `path` is held against the paths of the programs of actor and victim and of the
// files and modules of their stacks, `function` against the names in these.

import Glibc

public struct Suppressions: Sendable {
  /// One entry.
  public struct Entry: Sendable {
    /// Counts from 1.
    public var line: Int
    /// The entry as it stands there, and the comment behind it.
    public var text: String
    public var reason: String
    var fingerprint: String?
    var rule: RuleID?
    var paths: [String] = []
    var functions: [String] = []
  }

  /// A line that is no entry.
  public struct Malformed: Error, Sendable, Equatable {
    public var line: Int
    public var what: String
  }

  public private(set) var entries: [Entry] = []

  public init(_ text: String) throws(Malformed) {
    for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let parts = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let words = (parts.first ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
      guard !words.isEmpty else { continue }
      var entry = Entry(
        line: place + 1, text: words.joined(separator: " "),
        reason: parts.count > 1 ? parts[1].split(whereSeparator: \.isWhitespace).joined(separator: " ") : "")
      try Self.read(words, into: &entry)
      entries.append(entry)
    }
  }

  private static func read(_ words: [String], into entry: inout Entry) throws(Malformed) {
    func refuse(_ what: String) -> Malformed { Malformed(line: entry.line, what: what) }
    var place = 0
    while place < words.count {
      let key = words[place]
      guard ["fingerprint", "rule", "path", "function"].contains(key) else {
        throw refuse("\(key) is none of fingerprint, rule, path, function")
      }
      guard place + 1 < words.count else { throw refuse("\(key) of what?") }
      let value = words[place + 1]
      place += 2
      switch key {
      case "fingerprint":
        guard value.count == 16, value.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else {
          throw refuse("\(value) is no fingerprint: 16 digits of 0-9 and a-f")
        }
        entry.fingerprint = value
      case "rule":
        guard let rule = RuleID(rawValue: value) else { throw refuse("there is no rule \(value)") }
        entry.rule = rule
      case "path": entry.paths.append(value)
      default: entry.functions.append(value)
      }
    }
    if entry.fingerprint == nil, entry.rule == nil { throw refuse("neither a fingerprint nor a rule") }
  }

  /// The first entry that names the finding.
  public func match(_ finding: Finding) -> Entry? { entries.first { $0.matches(finding) } }

  /// Takes the findings out that an entry names, and says which entries named none.
  public func apply(to analysis: inout Analysis) -> [Entry] {
    var used: Set<Int> = []
    var kept: [Finding] = []
    for finding in analysis.findings {
      let named = entries.filter { $0.matches(finding) }
      used.formUnion(named.map(\.line))
      if let first = named.first {
        analysis.suppressed.append((finding, first))
      } else {
        kept.append(finding)
      }
    }
    analysis.findings = kept
    return entries.filter { !used.contains($0.line) }
  }
}

extension Suppressions.Entry {
  func matches(_ finding: Finding) -> Bool {
    let frames = finding.stacks.values.joined()
    return matches(
      finding.rule, fingerprint: finding.fingerprint,
      files: [finding.actor, finding.victim].compactMap { $0?.program }
        + frames.flatMap { [$0.file, $0.module].compactMap(\.self) },
      functions: frames.compactMap(\.function))
  }

  /// Whether a finding of that rule is meant, whose actor, victim and stacks have these files and functions.
  package func matches(_ found: RuleID, fingerprint given: String, files: [String], functions names: [String]) -> Bool {
    if let fingerprint, fingerprint != given { return false }
    if let rule, rule != found { return false }
    return paths.allSatisfy { pattern in files.contains { fnmatch(pattern, $0, 0) == 0 } }
      && functions.allSatisfy { pattern in names.contains { fnmatch(pattern, $0, 0) == 0 } }
  }
}
