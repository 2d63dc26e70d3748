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
    lines += ["", "Where time went"] + analysis.summary.flatMap { wrapped($0, indent: 2, hanging: 4) }
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
    lines += ["", "Where time went"] + analysis.summary.flatMap { wrapped($0, indent: 2, hanging: 4) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static let mostStanding = 40

  /// What the threads do that are alive at the end; those that do the same are told once.
  public func standing(_ analysis: Analysis) -> [String] {
    guard !analysis.standings.isEmpty else { return [] }
    var lines = ["", "At the end of the trace"]
    var told: [(text: String, who: String, others: Int)] = []
    for standing in analysis.standings {
      if let place = told.firstIndex(where: { $0.text == standing.text }) {
        told[place].others += 1
      } else {
        told.append((standing.text, standing.who, 0))
      }
    }
    for (text, who, others) in told.prefix(Self.mostStanding) {
      let more = others > 0 ? " and \(counted(UInt64(others), "other thread"))" : ""
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
    if !story.isEmpty { lines += ["", "Story"] + story }
    lines += [""] + lanes(analysis.timeline)
    if analysis.header.beganAfterStart { lines += standing(analysis) }
    lines += ["", "Where time went"] + analysis.summary.flatMap { wrapped($0, indent: 2, hanging: 4) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One line for `trace`'s end.
  public static func headline(_ finding: Finding) -> String {
    "\(finding.id) \(finding.severity.word) \(finding.rule.rawValue): \(finding.message)"
  }

  private func head(_ analysis: Analysis) -> [String] {
    let command = EventText.harmless(analysis.command.joined(separator: " "))
    var lines = wrapped(command.isEmpty ? "(no command)" : command, indent: 0, hanging: 2)
    lines.append(
      "\(Duration.text(analysis.duration)), \(Int(analysis.processes)) process\(analysis.processes == 1 ? "" : "es"), "
        + "\(counted(UInt64(analysis.threads), "thread")), \(counted(analysis.events, "event"))")
    if !analysis.isComplete { lines.append("The trace is incomplete: it ends where the recording was cut off.") }
    if analysis.header.beganAfterStart {
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
      "\(finding.id)  \(painted(finding.severity))  \(finding.rule.rawValue) (\(finding.confidence.word)\(cause))"
    ]
    lines += wrapped(finding.message + ".", indent: 4, hanging: 4)
    for evidence in finding.evidence {
      lines += wrapped(
        "\(Duration.moment(evidence.time))  \(evidence.pid)\(evidence.tid == evidence.pid ? "" : "/\(evidence.tid)")  \(evidence.text)",
        indent: 6, hanging: 10)
      if let stack = evidence.stack, let frames = finding.stacks[stack] {
        lines += StackText.lines(frames).flatMap { wrapped($0, indent: 10, hanging: 14) }
      }
    }
    lines += wrapped("Fix: \(finding.fix)", indent: 4, hanging: 9)
    return lines
  }

  private func painted(_ severity: Severity) -> String {
    guard colours else { return severity.word }
    let code = severity == .error ? 31 : severity == .warning ? 33 : 36
    return "\u{1B}[1;\(code)m\(severity.word)\u{1B}[0m"
  }

  // MARK: Story

  /// What led to the findings, in order: births of the processes that they name, their evidence, their spins.
  private func story(_ analysis: Analysis) -> [String] {
    guard !analysis.findings.isEmpty else { return [] }
    var steps: [(time: Nanoseconds, text: String)] = []
    let named = Set(analysis.findings.flatMap { [$0.actor?.process, $0.victim?.process].compactMap { $0 } })
    let timeline = analysis.timeline
    for process in timeline.processes where named.contains(process.id) {
      let parent = process.parent.map { "pid \(timeline.processes[$0].pid) forks " } ?? "starts: "
      steps.append((process.start, "\(parent)pid \(process.pid)"))
      for exec in process.execs { steps.append((exec.time, "pid \(process.pid) execs \(exec.command)")) }
      if let end = process.end { steps.append((end, "pid \(process.pid) \(process.exit ?? "ended")")) }
    }
    for finding in analysis.findings {
      if finding.rate != nil, let victim = finding.victim {
        steps.append((finding.first, "pid \(victim.pid)/\(victim.tid) begins to spin (\(finding.id))"))
        steps.append((finding.last, "its last return without progress, number \(grouped(finding.count))"))
      } else {
        for evidence in finding.evidence {
          steps.append((evidence.time, "pid \(evidence.pid)/\(evidence.tid) \(evidence.text) (\(finding.id))"))
        }
      }
    }
    return steps.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.flatMap {
      wrapped("\(Duration.moment($0.element.time))  \($0.element.text)", indent: 2, hanging: 11)
    }
  }

  // MARK: Lanes

  private static let mostLanes = 40

  /// A lane a thread; each column shows what took most of its time, a spin before all else.
  private func lanes(_ timeline: Timeline) -> [String] {
    guard timeline.duration > 0, !timeline.lanes.isEmpty else { return [] }
    let labels = timeline.lanes.map { lane -> String in
      let pid = timeline.processes[lane.process].pid
      return lane.tid == pid ? "\(pid)" : "\(pid)/\(lane.tid)"
    }
    let labelWidth = min(20, labels.map(\.count).max() ?? 0)
    let columns = max(10, width - labelWidth - 3)
    let legend: [(Timeline.Kind, String)] = [
      (.spin, "spin"), (.run, "runs"), (.wait, "waits"), (.blocked, "blocked"), (.sleep, "sleeps"),
    ]
    var lines = ["Timeline  " + legend.map { "\(sign($0.0)) \($0.1)" }.joined(separator: "  ") + "  \(flag) finding"]
    let end = Duration.text(timeline.duration)
    lines.append(
      String(repeating: " ", count: labelWidth + 2) + "0"
        + String(repeating: " ", count: max(1, columns - 1 - end.count)) + end)
    let shown = chosen(timeline)
    for place in shown {
      let label = String(labels[place].prefix(labelWidth))
      let row = self.row(timeline, place, columns: columns)
      lines.append(String(repeating: " ", count: labelWidth - label.count) + label + "  " + row)
    }
    let others = timeline.lanes.count + timeline.leftOut - shown.count
    if others > 0 { lines.append("  and \(others) threads that no finding touches") }
    return lines
  }

  private var flag: String { unicode ? "▼" : "!" }

  private func sign(_ kind: Timeline.Kind) -> String {
    switch kind {
    case .run: unicode ? "▒" : "="
    case .wait: unicode ? "·" : "."
    case .blocked: unicode ? "─" : "-"
    case .sleep: unicode ? "z" : "z"
    case .spin: unicode ? "█" : "#"
    }
  }

  /// All lanes while they are few; else those that findings or children of them touch.
  private func chosen(_ timeline: Timeline) -> [Int] {
    guard timeline.lanes.count > Self.mostLanes else { return Array(timeline.lanes.indices) }
    var kept = Set(timeline.markers.filter { $0.finding != nil }.map(\.lane))
    for (place, lane) in timeline.lanes.enumerated() where lane.slices.contains(where: { $0.kind == .spin }) {
      kept.insert(place)
    }
    for flow in timeline.flows where flow.finding != nil { kept.formUnion([flow.fromLane, flow.toLane]) }
    for place in timeline.lanes.indices where kept.count < Self.mostLanes / 2 { kept.insert(place) }
    return kept.sorted().prefix(Self.mostLanes).map { $0 }
  }

  private func row(_ timeline: Timeline, _ place: Int, columns: Int) -> String {
    let lane = timeline.lanes[place]
    let step = Double(timeline.duration) / Double(columns)
    let end = lane.end ?? timeline.duration
    var shares = [[Double]](repeating: [Double](repeating: 0, count: Timeline.Kind.allCases.count), count: columns)
    for slice in lane.slices {
      let first = min(columns - 1, Int(Double(slice.start) / step))
      let last = min(columns - 1, Int(Double(slice.end) / step))
      for column in first...max(first, last) {
        let from = max(Double(slice.start), Double(column) * step)
        let to = min(Double(slice.end), Double(column + 1) * step)
        shares[column][Int(slice.kind.rawValue)] += max(0, to - from)
      }
    }
    var row: [String] = []
    for column in 0..<columns {
      let from = Double(column) * step
      let to = from + step
      guard to > Double(lane.start), from < Double(end) else {
        row.append(" ")
        continue
      }
      let lived = min(to, Double(end)) - max(from, Double(lane.start))
      var share = shares[column]
      share[0] = max(0, lived - share.reduce(0, +))
      if share[Int(Timeline.Kind.spin.rawValue)] > 0 {
        row.append(sign(.spin))
      } else {
        let most = share.indices.max { share[$0] < share[$1] } ?? 0
        row.append(sign(Timeline.Kind(rawValue: UInt8(most)) ?? .run))
      }
    }
    for marker in timeline.markers where marker.lane == place && marker.finding != nil {
      row[min(columns - 1, Int(Double(marker.time) / step))] = flag
    }
    while row.last == " " { row.removeLast() }
    return row.joined()
  }

  // MARK: Lines

  /// Words in lines of at most `width` columns.
  func wrapped(_ text: String, indent: Int, hanging: Int) -> [String] {
    var lines: [String] = []
    var line = String(repeating: " ", count: indent)
    var isEmpty = true
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      if !isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = String(repeating: " ", count: hanging)
        isEmpty = true
      }
      line += (isEmpty ? "" : " ") + word
      isEmpty = false
    }
    lines.append(line)
    return lines
  }
}
