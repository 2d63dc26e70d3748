// What led to the findings, in the order of time: births of the processes that they name, their evidence, their spins.

import Analysis
import Trace

extension TextReport {
  private struct Step {
    var time: Nanoseconds
    var who: String
    var what: String
  }

  func story(_ analysis: Analysis) -> [String] {
    guard !analysis.findings.isEmpty else { return [] }
    let timeline = analysis.timeline
    let named = Set(analysis.findings.flatMap { [$0.actor?.process, $0.victim?.process].compactMap { $0 } })
    var steps: [Step] = []
    for place in timeline.processes.indices where named.contains(timeline.processes[place].id) {
      steps += life(place, timeline)
    }
    // A fork is told by the birth.
    let births = Set(timeline.processes.filter { named.contains($0.id) }.map { "= \($0.pid)" })
    for finding in analysis.findings {
      if finding.rate != nil, let victim = finding.victim {
        let who = Self.who(pid: victim.pid, tid: victim.tid)
        let times = counted(finding.count, "time")
        let object = finding.object.flatMap { object in
          object.victimFD.map { " on fd \($0) (\(object.kindName))" }
        }
        steps.append(Step(time: finding.first, who: who, what: "begins to spin\(object ?? "") (\(finding.id))"))
        steps.append(
          Step(time: finding.last, who: who, what: "has gone round \(times) without progress (\(finding.id))"))
        continue
      }
      for (evidence, alike) in told(finding) {
        let isFork = evidence.mark == nil && births.contains { evidence.text.hasSuffix($0) }
        if isFork && !evidence.text.hasPrefix("wait") { continue }
        let others = alike > 0 ? ", and \(alike) alike" : ""
        steps.append(
          Step(time: evidence.time, who: Self.who(evidence), what: "\(evidence.text)\(others) (\(finding.id))"))
      }
    }
    let ordered = steps.enumerated()
      .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    let widest = ordered.map { $0.who.utf8.count }.max() ?? 0
    let time = ordered.map { Duration.moment($0.time).utf8.count }.max() ?? 0
    return ordered.flatMap { step in
      let moment = Duration.moment(step.time)
      let before = Columns.space(time - moment.utf8.count)
      // wrapped() keeps spaces between words as they are.
      return wrapped(
        "\(before)\(moment)  \(step.who)\(Columns.space(widest - step.who.utf8.count))  \(step.what)", indent: 2,
        hanging: time + widest + 6)
    }
  }

  private func life(_ place: Int, _ timeline: Timeline) -> [Step] {
    let process = timeline.processes[place]
    let pid = "\(process.pid)"
    var steps: [Step] = []
    var execs = process.execs[...]
    if let parent = process.parent.map({ timeline.processes[$0] }) {
      let flow = timeline.flows.first { $0.kind == .fork && process.lanes.first == $0.toLane }
      let forker = flow.map { timeline.lanes[$0.fromLane] }
      let name = process.title == parent.title ? "" : " \"\(process.title)\""
      steps.append(
        Step(
          time: process.start, who: Self.who(pid: parent.pid, tid: forker?.tid ?? parent.pid),
          what: "forks \(pid)\(execs.isEmpty ? name : "")"))
    } else if let first = execs.first {
      execs = execs.dropFirst()
      steps.append(Step(time: first.time, who: pid, what: "starts: \(first.command)"))
    } else {
      steps.append(Step(time: process.start, who: pid, what: "is there: \(process.command)"))
    }
    for exec in execs { steps.append(Step(time: exec.time, who: pid, what: "execs \(exec.command)")) }
    if let end = process.end { steps.append(Step(time: end, who: pid, what: process.exit ?? "ended")) }
    return steps
  }
}
