// The timeline in characters: a lane a thread, children below their parents; each column shows what took most of its time, a spin before
// all else.

import Analysis
import Trace

extension TextReport {
  private static let mostLanes = 40
  private static let mostRowsOfIDs = 3
  /// Columns of the labels, of 100.
  private static let labelShare = 35
  private static let deepest = 6

  func lanes(_ analysis: Analysis) -> [String] {
    let timeline = analysis.timeline
    guard timeline.duration > 0, !timeline.lanes.isEmpty else { return [] }
    let shown = ordered(chosen(timeline), timeline)
    let labels = shown.map { label(timeline, $0.lane, depth: $0.depth) }
    let channels = timeline.channels.filter { !$0.findings.isEmpty && !$0.samples.isEmpty }
    let channelLabels = channels.map(label)
    let widest = (labels + channelLabels).map { Columns.count($0) }.max() ?? 0
    let labelWidth = min(width * Self.labelShare / 100, max(12, widest))
    let scale = Scale(duration: timeline.duration, columns: width - labelWidth - 2)
    func line(_ label: String, _ row: String) -> String {
      if row.isEmpty, Columns.count(label) <= labelWidth { return label }
      return "\(Columns.fitted(label, labelWidth, mark: unicode ? "…" : "~"))  \(row)"
    }
    var lines = legend(isSpinning: isSpinning(timeline))
    lines.append(line("", Paint.dim(ticks(scale), if: colours)))
    lines += ids(analysis.findings, scale).map { line("", $0) }
    for (place, label) in zip(shown, labels) {
      lines.append(line(label, row(timeline, place.lane, scale)))
    }
    if !channels.isEmpty {
      lines.append(Paint.dim("What waits to be read", if: colours))
      for (channel, label) in zip(channels, channelLabels) { lines.append(line(label, level(channel, scale))) }
    }
    let others = timeline.lanes.count + timeline.leftOut - shown.count
    if others > 0 { lines.append("  and \(counted(UInt64(others), "thread")) that no finding touches") }
    return lines
  }

  /// Columns and the time that they stand for.
  private struct Scale {
    let duration: Nanoseconds
    let columns: Int
    var step: Double { Double(duration) / Double(columns) }

    func column(_ time: Nanoseconds) -> Int { min(columns - 1, Int(Double(time) / step)) }
  }

  // MARK: Labels

  /// `1234/1235 Poller`, or `1234 Worker-1` of a first thread, which stands for its process.
  private func label(_ timeline: Timeline, _ place: Int, depth: Int) -> String {
    let lane = timeline.lanes[place]
    let process = timeline.processes[lane.process]
    let isFirst = lane.tid == process.pid
    let name = isFirst ? process.title : lane.name == process.title ? "" : lane.name
    let number = Self.who(pid: process.pid, tid: lane.tid)
    return shown("\(Columns.space(min(depth, Self.deepest)))\(number)\(name.isEmpty ? "" : " \(name)")")
  }

  /// `1234 fd 3 (pipe)`, by the number of who was the first to have the end that is read.
  private func label(_ channel: Timeline.Channel) -> String {
    let holder = channel.holders.first { $0.side != .write } ?? channel.holders.first
    let who = holder.map { "\($0.pid) fd \($0.fd) " } ?? ""
    let most = channel.samples.map(\.most).max() ?? 0
    return shown("\(who)(\(channel.kind))\(most > 9 ? " to \(grouped(most))" : "")")
  }

  private func isSpinning(_ timeline: Timeline) -> Bool {
    timeline.lanes.contains { $0.slices.contains { $0.kind == .spin } }
  }

  private func legend(isSpinning: Bool) -> [String] {
    var entries: [(sign: String, kind: Timeline.Kind?, word: String)] = [
      (sign(.run), .run, "runs"), (sign(.wait), .wait, "waits"), (sign(.blocked), .blocked, "blocked"),
      (sign(.sleep), .sleep, "sleeps"), (flag, nil, "finding"),
    ]
    if isSpinning { entries.insert((sign(.spin), .spin, "spin"), at: 0) }
    var lines = [title("Timeline")]
    var taken = 8
    for entry in entries {
      let columns = 4 + entry.word.utf8.count
      if taken + columns > width {
        lines.append(Columns.space(8))
        taken = 8
      }
      taken += columns
      lines[lines.count - 1] += "  \(entry.kind.map { painted(entry.sign, $0) } ?? title(entry.sign)) \(entry.word)"
    }
    return lines
  }

  private var flag: String { unicode ? "▼" : "!" }

  private func sign(_ kind: Timeline.Kind) -> String {
    switch kind {
    case .run: unicode ? "▒" : "="
    case .wait: unicode ? "·" : "."
    case .blocked: unicode ? "─" : "-"
    case .sleep: "z"
    case .spin: unicode ? "█" : "#"
    }
  }

  private func painted(_ text: String, _ kind: Timeline.Kind) -> String {
    switch kind {
    case .spin: Paint.red(text, if: colours)
    case .run: text
    case .wait, .blocked, .sleep: Paint.dim(text, if: colours)
    }
  }

  // MARK: Time

  /// A stroke and the time at each step of one, two or five times a power of ten.
  private func ticks(_ scale: Scale) -> String {
    var step: Nanoseconds = 1
    let room = scale.duration / UInt64(max(1, scale.columns / 12))
    while step < room {
      for factor: Nanoseconds in [2, 5, 10] {
        if step * factor >= room || factor == 10 {
          step *= factor
          break
        }
      }
    }
    var line = ""
    var time: Nanoseconds = 0
    while time < scale.duration {
      let column = scale.column(time)
      let text = (unicode ? "╷" : "|") + shown(Self.tick(time, step: step))
      if column >= Columns.count(line), column + Columns.count(text) <= scale.columns {
        line += Columns.space(column - Columns.count(line)) + text
      }
      time += step
    }
    return line
  }

  private static func tick(_ time: Nanoseconds, step: Nanoseconds) -> String {
    if time == 0 { return "0 s" }
    if step < 1_000_000 { return Duration.text(time) }
    let decimals = step >= 1_000_000_000 ? 0 : step >= 100_000_000 ? 1 : step >= 10_000_000 ? 2 : 3
    return Duration.fixed(Double(time) / 1e9, decimals) + " s"
  }

  /// The findings where they begin, in as many rows as keep them apart.
  private func ids(_ findings: [Finding], _ scale: Scale) -> [String] {
    var rows: [(line: String, last: Int, taken: Int)] = []
    for finding in findings.sorted(by: { $0.first < $1.first }) {
      let size = finding.id.utf8.count
      let column = min(scale.column(finding.first), scale.columns - size)
      let id = Paint(finding.severity)(finding.id, if: colours)
      if let place = rows.firstIndex(where: { $0.last == column && $0.taken + 1 + size <= scale.columns }) {
        rows[place].line += ",\(id)"
        rows[place].taken += 1 + size
      } else if let place = rows.firstIndex(where: { $0.taken < column }) {
        rows[place].line += Columns.space(column - rows[place].taken) + id
        (rows[place].last, rows[place].taken) = (column, column + size)
      } else if rows.count < Self.mostRowsOfIDs {
        rows.append((Columns.space(column) + id, column, column + size))
      }
    }
    return rows.map(\.line)
  }

  // MARK: Lanes

  /// All lanes while they are few; else those that findings or children of them touch.
  private func chosen(_ timeline: Timeline) -> Set<Int> {
    guard timeline.lanes.count > Self.mostLanes else { return Set(timeline.lanes.indices) }
    var kept = Set(timeline.markers.filter { $0.finding != nil }.map(\.lane))
    for (place, lane) in timeline.lanes.enumerated() where lane.slices.contains(where: { $0.kind == .spin }) {
      kept.insert(place)
    }
    for flow in timeline.flows where flow.finding != nil { kept.formUnion([flow.fromLane, flow.toLane]) }
    for place in timeline.lanes.indices where kept.count < Self.mostLanes / 2 { kept.insert(place) }
    return Set(kept.sorted().prefix(Self.mostLanes))
  }

  /// Threads by their processes, processes below those that forked them.
  private func ordered(_ chosen: Set<Int>, _ timeline: Timeline) -> [(lane: Int, depth: Int)] {
    var children: [Int: [Int]] = [:]
    var roots: [Int] = []
    for (place, process) in timeline.processes.enumerated() {
      if let parent = process.parent { children[parent, default: []].append(place) } else { roots.append(place) }
    }
    var lanes: [(lane: Int, depth: Int)] = []
    var stack = roots.reversed().map { (process: $0, depth: 0) }
    while let (process, depth) = stack.popLast() {
      let own = timeline.processes[process].lanes.filter(chosen.contains)
      lanes += own.map { ($0, depth) }
      // Where nothing is shown of a process, its children do not stand deeper.
      let next = own.isEmpty ? depth : depth + 1
      for child in (children[process] ?? []).reversed() { stack.append((child, next)) }
    }
    return lanes
  }

  private func row(_ timeline: Timeline, _ place: Int, _ scale: Scale) -> String {
    let lane = timeline.lanes[place]
    let step = scale.step
    let end = lane.end ?? timeline.duration
    var shares = Array(
      repeating: Array(repeating: 0.0, count: Timeline.Kind.allCases.count), count: scale.columns)
    for slice in lane.slices {
      let first = scale.column(slice.start)
      for column in first...max(first, scale.column(slice.end)) {
        let from = max(Double(slice.start), Double(column) * step)
        let to = min(Double(slice.end), Double(column + 1) * step)
        shares[column][Int(slice.kind.rawValue)] += max(0, to - from)
      }
    }
    let flags = Set(timeline.markers.filter { $0.lane == place && $0.finding != nil }.map { scale.column($0.time) })
    var cells: [(text: String, kind: Timeline.Kind?)] = []
    for column in 0..<scale.columns {
      let from = Double(column) * step
      let to = from + step
      if flags.contains(column) {
        cells.append((flag, nil))
      } else if to > Double(lane.start), from < Double(end) {
        let lived = min(to, Double(end)) - max(from, Double(lane.start))
        shares[column][0] = max(0, lived - shares[column].reduce(0, +))
        let most = shares[column].indices.max { shares[column][$0] < shares[column][$1] } ?? 0
        let spins = shares[column][Int(Timeline.Kind.spin.rawValue)] > 0
        let kind = spins ? .spin : Timeline.Kind(rawValue: UInt8(most)) ?? .run
        cells.append((sign(kind), kind))
      } else {
        cells.append((" ", .run))
      }
    }
    while cells.last?.text == " " { cells.removeLast() }
    return joined(cells)
  }

  /// Neighbours of one kind in one colour.
  private func joined(_ cells: [(text: String, kind: Timeline.Kind?)]) -> String {
    guard colours else { return cells.map(\.text).joined() }
    var line = ""
    var rest = cells[...]
    while let first = rest.first {
      let run = rest.prefix { $0.kind == first.kind }
      let text = run.map(\.text).joined()
      line += first.kind.map { painted(text, $0) } ?? Paint.bold(text, if: true)
      rest = rest.dropFirst(run.count)
    }
    return line
  }

  // MARK: Channels

  /// How much waits at the most in each column: up to nine as a digit, else as the height of a bar.
  private func level(_ channel: Timeline.Channel, _ scale: Scale) -> String {
    var most = [UInt64](repeating: 0, count: scale.columns)
    for (place, sample) in channel.samples.enumerated() {
      let next = place + 1 < channel.samples.count ? channel.samples[place + 1].time : channel.gone ?? scale.duration
      let first = scale.column(sample.time)
      for column in first...max(first, scale.column(next)) {
        // What it holds right before the next sample stays in the column where that comes.
        let waits = column == first ? sample.most : sample.last
        most[column] = max(most[column], waits)
      }
    }
    let bars = Array(unicode ? "▁▂▃▄▅▆▇" : "_.-=+*%")
    let highest = most.max() ?? 0
    let from = scale.column(channel.created)
    let to = scale.column(channel.gone ?? scale.duration)
    var line = ""
    for column in 0...max(0, to) {
      let waits = most[column]
      if waits == 0 {
        line += column < from ? " " : "0"
      } else if highest <= 9 {
        line += "\(waits)"
      } else {
        let height = Int(Double(waits) / Double(highest) * Double(bars.count) + 0.999)
        line.append(bars[min(bars.count, max(1, height)) - 1])
      }
    }
    return line
  }
}
