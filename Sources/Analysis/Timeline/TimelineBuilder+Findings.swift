// What findings put on the timeline: marks where their evidence is, and the arrow from who does it to who suffers.

import Lineage
import Trace

extension TimelineBuilder {
  mutating func mark(_ finding: Finding) {
    for evidence in finding.evidence {
      guard let lane = lane(of: evidence.thread), let kind = evidence.mark else { continue }
      timeline.markers.append(
        Timeline.Marker(lane: lane, time: evidence.time, kind: kind, label: evidence.text, finding: finding.id))
    }
    guard finding.rule != .busyPoll, let actor = finding.actor, let victim = finding.victim,
      let act = finding.evidence.first(where: { $0.pid == actor.pid && $0.mark != .create && $0.mark != nil }),
      let from = lane(of: act.thread),
      let to = timeline.lanes.firstIndex(where: {
        $0.tid == victim.tid && timeline.processes[$0.process].id == victim.process
      }), from != to
    else { return }
    for place in timeline.flows.indices where timeline.flows[place].kind == .fork {
      let born = timeline.lanes[timeline.flows[place].toLane].process
      if timeline.processes[born].id == actor.process { timeline.flows[place].finding = finding.id }
    }
    let arrives = timeline.lanes[to].slices.first { $0.kind == .spin && $0.end >= act.time }
    timeline.flows.append(
      Timeline.Flow(
        kind: .wakeup, fromLane: from, fromTime: act.time, toLane: to,
        toTime: max(act.time, arrives?.start ?? act.time), label: Self.words(finding.rule), finding: finding.id))
  }

  private static func words(_ rule: RuleID) -> String {
    switch rule {
    case .foreignWakeupWrite: "wakes its loop"
    case .foreignRead: "takes what it waits for"
    case .inheritedSignalHandler: "tells it of a signal that it never got"
    case .busyPoll, .zeroTimeoutSpin, .retrySpin: "makes it spin"
    case .sharedEpoll: "changes what it waits for"
    case .ghostEpollEntry: "keeps what it closed"
    case .sharedConnection: "uses its connection"
    case .eofNeverComes: "keeps the end that it waits for"
    case .forkWhileThreaded: "forked it without the thread that it waits for"
    case .sharedFlagChange: "changes how it reads"
    case .heldAfterExec: "holds what it left behind"
    case .fdClobbered: "gives its number away"
    }
  }
}
