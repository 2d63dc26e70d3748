// For eyes and for pasting: the findings in words, the story in order, lanes of threads, and where time went.

import Analysis
import Trace

public struct TextReport {
  /// Columns to fit into.
  public var width: Int
  /// Escape sequences for severities.
  public var colours: Bool
  /// Block characters; else ASCII.
  public var unicode: Bool
  /// Whether somebody looks at it at once, with so many columns.
  public var isTerminal = false

  public init(width: Int = 80, colours: Bool = false, unicode: Bool = true) {
    self.width = max(40, width)
    self.colours = colours
    self.unicode = unicode
  }

  /// What `analyze` prints.
  public func findings(_ analysis: Analysis) -> String {
    Duration.$countsLines.withValue(!analysis.header.isTimed) { findingsText(analysis) }
  }

  private func findingsText(_ analysis: Analysis) -> String {
    var lines = head(analysis)
    if analysis.findings.isEmpty {
      lines += ["", "No findings."]
    }
    for finding in analysis.findings { lines += [""] + self.finding(finding) }
    for (finding, entry) in analysis.suppressed {
      let reason = entry.reason.isEmpty ? "" : " (\(entry.reason))"
      lines += [""] + wrapped("\(finding.id)  suppressed: \(finding.rule.rawValue)\(reason)", indent: 0, hanging: 4)
    }
    lines += standing(analysis)
    lines += ["", title("Where time went")] + analysis.summary.flatMap { wrapped($0, indent: 2, hanging: 4) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What `why` prints: the findings, then what each thread does.
  public func why(_ analysis: Analysis) -> String {
    Duration.$countsLines.withValue(!analysis.header.isTimed) { whyText(analysis) }
  }

  private func whyText(_ analysis: Analysis) -> String {
    var lines = head(analysis)
    for finding in analysis.findings { lines += [""] + self.finding(finding) }
    let standing = standing(analysis)
    lines += standing.isEmpty ? ["", "All threads have ended."] : standing
    lines += ["", title("Where time went")] + analysis.summary.flatMap { wrapped($0, indent: 2, hanging: 4) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static let mostStanding = 40

  /// What the threads do that are alive at the end; those that do the same are told once.
  public func standing(_ analysis: Analysis) -> [String] {
    guard !analysis.standings.isEmpty else { return [] }
    var lines = ["", title("At the end of the trace")]
    var told: [(text: String, who: String, others: Int)] = []
    var places: [String: Int] = [:]
    for standing in analysis.standings {
      if let place = places[standing.text] {
        told[place].others += 1
      } else {
        places[standing.text] = told.count
        told.append((standing.text, standing.who, 0))
      }
    }
    for (text, who, others) in told.prefix(Self.mostStanding) {
      let more = others > 0 ? ", like \(counted(UInt64(others), "other thread"))," : ""
      lines += wrapped("\(who)\(more) \(text)", indent: 2, hanging: 4)
      if let standing = analysis.standings.first(where: { $0.text == text }) {
        lines += StackText.lines(standing.frames).flatMap { wrapped($0, indent: 6, hanging: 10) }
      }
    }
    if told.count > Self.mostStanding { lines.append("  and \(told.count - Self.mostStanding) more") }
    return lines
  }

  /// What `report --format text` prints.
  public func report(_ analysis: Analysis) -> String {
    Duration.$countsLines.withValue(!analysis.header.isTimed) { reportText(analysis) }
  }

  private func reportText(_ analysis: Analysis) -> String {
    var lines = head(analysis)
    if analysis.findings.isEmpty { lines += ["", "No findings."] }
    for finding in analysis.findings { lines += [""] + self.finding(finding) }
    let story = self.story(analysis)
    if !story.isEmpty { lines += ["", title("Story")] + story }
    lines += standing(analysis)
    let lanes = self.lanes(analysis)
    if !lanes.isEmpty { lines += [""] + lanes }
    lines += openFiles(analysis)
    lines += ["", title("Where time went")] + analysis.summary.flatMap { wrapped($0, indent: 2, hanging: 4) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Who had the open files that the findings are about.
  private func openFiles(_ analysis: Analysis) -> [String] {
    let channels = analysis.timeline.channels.filter { !$0.findings.isEmpty }
    let files = channels.flatMap(\.files)
    guard !files.isEmpty else { return [] }
    var table = LineageTable(files, width: width, colours: colours, unicode: unicode)
    for channel in channels { table.remarks[channel.serial] = channel.findings.joined(separator: ", ") }
    return ["", title("Who had the open files of the findings")] + table.lines()
  }

  /// One line for `trace`'s end.
  public static func headline(_ finding: Finding) -> String {
    "\(finding.id) \(finding.severity.word) \(finding.rule.rawValue): \(finding.message)"
  }

  private func head(_ analysis: Analysis) -> [String] {
    let command = EventText.harmless(analysis.command.joined(separator: " "))
    var lines = wrapped(command.isEmpty ? "(no command)" : command, indent: 0, hanging: 2)
    lines += wrapped(
      "\(Duration.text(analysis.duration)), \(Int(analysis.processes)) process\(analysis.processes == 1 ? "" : "es"), "
        + "\(counted(UInt64(analysis.threads), "thread")), \(counted(analysis.events, "event"))", indent: 0, hanging: 2)
    if !analysis.isComplete {
      lines += wrapped("The trace is incomplete: it ends where the recording was cut off.", indent: 0, hanging: 2)
    }
    if analysis.header.beganAfterStart, !analysis.header.isContinuation {
      lines += wrapped(
        analysis.header.source == .strace
          ? "The log begins late, when the program ran already: who opened, wrote or forked before is not known."
          : "The trace began late, when the programs ran already: what they had opened is known from /proc, who wrote or "
            + "forked before is not.", indent: 0, hanging: 2)
    }
    for spot in analysis.blindSpots { lines += wrapped("Not seen: \(spot)", indent: 0, hanging: 2) }
    return lines
  }

  private func finding(_ finding: Finding) -> [String] {
    let cause = finding.cause.map { ", caused by \($0)" } ?? ""
    var lines = [
      "\(title(finding.id))  \(painted(finding.severity))  \(finding.rule.rawValue) (\(finding.confidence.word)\(cause))"
    ]
    lines += wrapped(finding.message + ".", indent: 4, hanging: 4)
    for (evidence, alike) in told(finding) {
      let others = alike > 0 ? "  (and \(alike) alike)" : ""
      lines += wrapped(
        "\(Duration.moment(evidence.time))  \(Self.who(evidence))  \(evidence.text)\(others)", indent: 6, hanging: 10)
      if let stack = evidence.stack, let frames = finding.stacks[stack] {
        lines += StackText.lines(frames).flatMap { wrapped($0, indent: 10, hanging: 14) }
      }
    }
    lines += wrapped("Fix: \(finding.fix)", indent: 4, hanging: 9)
    return lines
  }

  /// The evidence in its order; what a thread does again is told once.
  func told(_ finding: Finding) -> [(evidence: Evidence, alike: Int)] {
    var told: [(evidence: Evidence, alike: Int)] = []
    for evidence in finding.evidence {
      let known = told.firstIndex { ($0.evidence.thread, $0.evidence.text) == (evidence.thread, evidence.text) }
      if let place = known {
        told[place].alike += 1
        if told[place].evidence.stack == nil { told[place].evidence.stack = evidence.stack }
      } else {
        told.append((evidence, 0))
      }
    }
    return told
  }

  /// `1234`, or `1234/1235` of another thread than the first, as in `dump`.
  static func who(_ evidence: Evidence) -> String { who(pid: evidence.pid, tid: evidence.tid) }

  static func who(pid: Int32, tid: Int32) -> String { tid == pid ? "\(pid)" : "\(pid)/\(tid)" }

  private func painted(_ severity: Severity) -> String {
    Paint.bold(Paint(severity)(severity.word, if: colours), if: colours)
  }

  // MARK: Lines

  /// Words in lines of at most `width` columns, of which very wide terminals have more than reads well.
  func wrapped(_ text: String, indent: Int, hanging: Int) -> [String] {
    LineBreaker(width: min(width, Self.widestProse)).lines(shown(text), indent: indent, hanging: hanging)
  }

  private static let widestProse = 120

  /// The text in the characters that the locale has.
  func shown(_ text: String) -> String { unicode ? text : Columns.ascii(text) }

  func title(_ text: String) -> String { Paint.bold(text, if: colours) }
}
