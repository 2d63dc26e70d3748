// What an analysis came to, in a Perfetto trace: findings on a track of their own, each with arrows through the events that it rests on;
// spins below the threads that spin.

import Analysis
import Lineage
import Trace

extension PerfettoExport {
  /// Writes what is known only at the end, and the rest of the file.
  public func finish(_ analysis: Analysis) throws {
    try tellSpins(analysis.timeline)
    var track = PerfettoTrackDescriptor(PerfettoTrack.findings, name: "Findings", below: nil)
    track.description_p = "What faultline found, and what it could not see."
    try writer.describe(track, at: 0)
    for spot in analysis.blindSpots {
      try writer.instant("blind spot: \(spot)", .finding, on: PerfettoTrack.findings, at: 0)
    }
    if !analysis.isComplete {
      try writer.instant(
        "the trace is incomplete", .finding, on: PerfettoTrack.findings, at: analysis.duration)
    }
    for (place, finding) in analysis.findings.enumerated() { try tell(finding, flow: PerfettoFlows.finding(place + 1)) }
    try writer.flush()
  }

  private func tellSpins(_ timeline: Timeline) throws {
    for lane in timeline.lanes {
      let spins = lane.slices.filter { $0.kind == .spin }
      guard !spins.isEmpty else { continue }
      let track = PerfettoTrack.spins(lane.thread)
      try writer.describe(
        PerfettoTrackDescriptor(track, name: "spins of \(lane.tid)", below: PerfettoTrack.thread(lane.thread)),
        at: lane.start)
      var last: Nanoseconds = 0
      for spin in spins {
        let start = max(last, spin.start)
        try writer.begin(
          timeline.labels[Int(spin.label)], .spin, on: track, at: start, notes: [.unsigned("count", spin.count)])
        last = max(start, spin.end)
        try writer.end(on: track, at: last)
      }
    }
  }

  private func tell(_ finding: Finding, flow: UInt64) throws {
    try writer.instant(
      "\(finding.id) \(finding.severity.word) \(finding.rule.rawValue)", .finding, on: PerfettoTrack.findings,
      at: finding.first, flows: [flow], notes: Self.notes(finding))
    for evidence in finding.evidence {
      var notes: [PerfettoNote] = [
        .text("finding", finding.id), .text("rule", finding.rule.rawValue),
      ]
      if let frames = evidence.stack.flatMap({ finding.stacks[$0] }) {
        notes.append(.list("stack", frames.map(\.words)))
      }
      try writer.instant(
        "\(finding.id): \(evidence.text)", .finding, on: PerfettoTrack.thread(evidence.thread), at: evidence.time,
        flows: [flow], notes: notes)
    }
  }

  private static func notes(_ finding: Finding) -> [PerfettoNote] {
    var notes: [PerfettoNote] = [
      .text("rule", finding.rule.rawValue), .text("severity", finding.severity.word),
      .text("confidence", finding.confidence.word), .text("message", finding.message), .text("fix", finding.fix),
    ]
    for (role, party) in [("actor", finding.actor), ("victim", finding.victim)] {
      guard let party else { continue }
      notes.append(.text(role, "\(party.command) (pid \(party.pid), thread \(party.tid))"))
    }
    if let object = finding.object {
      let numbers = [("actor's fd", object.actorFD), ("victim's fd", object.victimFD)].compactMap { whose, fd in
        fd.map { "\(whose) \($0)" }
      }
      notes.append(.text("object", (["\(object.kindName) \(object.id)"] + numbers).joined(separator: ", ")))
      if let owner = object.ownerHint { notes.append(.text("owner", owner)) }
    }
    notes.append(.unsigned("count", finding.count))
    notes.append(.unsigned("last_ns", finding.last))
    if let cause = finding.cause { notes.append(.text("cause", cause)) }
    notes.append(.text("fingerprint", finding.fingerprint))
    notes.append(.list("evidence", finding.evidence.map { "pid \($0.pid): \($0.text)" }))
    return notes
  }
}
