// Events into a Timeline, in bounded memory: when slices become many, neighbours of one kind are merged.

import Lineage
import Trace

struct TimelineBuilder {
  private static let mostSlices = 120_000
  private static let mostMarks = 4_000
  /// Calls that return sooner than this are no slices, unless they are waits.
  private static let shortest: Nanoseconds = 200_000
  private static let firstCoarse: Nanoseconds = 200_000

  private(set) var timeline = Timeline()
  private var laneOf: [ThreadID: Int] = [:]
  private var processOf: [ProcessID: Int] = [:]
  private var labelOf: [String: Int] = [:]
  private var sliceCount = 0

  private static let mostLabels = 4096

  init() {
    timeline.coarse = Self.firstCoarse
    timeline.labels = ["another call"]
  }

  mutating func observe(_ event: Event, arena: Arena, world: World, tables: TraceTables) {
    timeline.duration = max(timeline.duration, event.time)
    for call in world.abandoned { unfinished(call, until: event.time) }
    switch event.body {
    case .start(let start): began(event, start, world: world, tables: tables)
    // Who forked it was not seen: no arrow.
    case .existingThread: began(event, Start(parent: .unknown, flags: 0), world: world, tables: tables)
    case .end: ended(event, world: world)
    case .call(let syscall, let result, let operation):
      guard event.phase != .begin, let lane = laneOf[event.thread] else { return }
      if case .exec = operation, result.succeeded { execed(event, lane: lane, world: world, tables: tables) }
      slice(event, syscall, operation, lane: lane, arena: arena, world: world)
    case .signal(let delivery):
      guard let lane = laneOf[event.thread], timeline.markers.count < Self.mostMarks else { return }
      timeline.markers.append(
        Timeline.Marker(
          lane: lane, time: event.time, kind: .signal,
          label: EventText.line(event, arena: arena, tables: tables), finding: nil))
      guard delivery.sender > 0, timeline.flows.count < Self.mostMarks,
        let sender = timeline.processes.firstIndex(where: { $0.pid == delivery.sender && $0.end == nil }),
        let from = timeline.processes[sender].lanes.first, from != lane
      else { return }
      timeline.flows.append(
        Timeline.Flow(
          kind: .signal, fromLane: from, fromTime: event.time, toLane: lane, toTime: event.time,
          label: signalName(delivery.number), finding: nil))
    default: break
    }
  }

  private mutating func began(_ event: Event, _ start: Start, world: World, tables: TraceTables) {
    guard let thread = world.thread(event.thread), let process = world.process(thread.process) else { return }
    if processOf[process.id] == nil {
      processOf[process.id] = timeline.processes.count
      timeline.processes.append(
        Timeline.Process(
          id: process.id, pid: process.pid, command: world.commandLine(process.id, tables),
          parent: process.parent.flatMap { processOf[$0] }, start: event.time))
    }
    guard laneOf[event.thread] == nil, let group = processOf[process.id] else { return }
    let lane = timeline.lanes.count
    laneOf[event.thread] = lane
    timeline.processes[group].lanes.append(lane)
    timeline.lanes.append(
      Timeline.Lane(
        thread: event.thread, tid: thread.tid, name: "", process: group, start: event.time))
    if let from = laneOf[start.parent], timeline.flows.count < Self.mostMarks {
      timeline.flows.append(
        Timeline.Flow(
          kind: start.isThread ? .clone : .fork, fromLane: from, fromTime: event.time, toLane: lane,
          toTime: event.time, label: start.isThread ? "new thread \(thread.tid)" : "fork of pid \(process.pid)",
          finding: nil))
    }
  }

  private mutating func ended(_ event: Event, world: World) {
    if let lane = laneOf[event.thread] { timeline.lanes[lane].end = event.time }
    guard let thread = world.thread(event.thread), let process = world.process(thread.process), !process.isAlive,
      let group = processOf[process.id]
    else { return }
    timeline.processes[group].end = event.time
    timeline.processes[group].exit = process.status.map { EventText.ending($0) }
  }

  private mutating func execed(_ event: Event, lane: Int, world: World, tables: TraceTables) {
    let group = timeline.lanes[lane].process
    let command = world.commandLine(timeline.processes[group].id, tables)
    timeline.processes[group].execs.append((event.time, command))
    if timeline.processes[group].execs.count == 1 || timeline.processes[group].command.isEmpty {
      timeline.processes[group].command = command
    }
    if timeline.markers.count < Self.mostMarks {
      timeline.markers.append(
        Timeline.Marker(lane: lane, time: event.time, kind: .exec, label: "exec \(command)", finding: nil))
    }
  }

  private mutating func slice(
    _ event: Event, _ syscall: Syscall, _ operation: Operation, lane: Int, arena: Arena, world: World
  ) {
    let kind = Self.kind(of: operation)
    let isWait = kind == .wait || kind == .sleep
    guard isWait || event.meanTime >= Self.shortest else { return }
    guard isWait || ActivityMeter.canBlock(syscall, operation, world: world) else { return }
    let place = ActivityMeter.place(event, syscall, operation, arena: arena, world: world)
    var start = event.entered
    // Calls that take turns fill the same stretch of time: the first of them stands for all.
    if event.cycle > 1, let last = timeline.lanes[lane].slices.last { start = max(start, last.end) }
    guard start < event.exited || event.cycle == 1 else { return }
    add(
      Timeline.Slice(
        start: start, end: event.exited, kind: kind, label: label(ActivityMeter.words(place)),
        count: UInt64(event.repeats)), to: lane)
  }

  private static func kind(of operation: Operation) -> Timeline.Kind {
    switch operation {
    case .wait: .wait
    case .sleep: .sleep
    default: .blocked
    }
  }

  /// A call that its thread ended in, or is still in at the end.
  private mutating func unfinished(_ call: AbandonedCall, until end: Nanoseconds) {
    guard let lane = laneOf[call.thread], end > call.since else { return }
    let kind: Timeline.Kind =
      switch call.syscall {
      case .poll, .ppoll, .select, .pselect6, .epollWait, .epollPwait, .epollPwait2: .wait
      case .nanosleep, .clockNanosleep: .sleep
      default: .blocked
      }
    let words = "\(ActivityMeter.words(call.place)), never returned"
    add(Timeline.Slice(start: call.since, end: end, kind: kind, label: label(words), count: 1), to: lane)
  }

  private mutating func add(_ slice: Timeline.Slice, to lane: Int) {
    if let last = timeline.lanes[lane].slices.last, last.kind == slice.kind, last.label == slice.label,
      slice.start <= last.end + timeline.coarse
    {
      let place = timeline.lanes[lane].slices.count - 1
      timeline.lanes[lane].slices[place].end = max(last.end, slice.end)
      timeline.lanes[lane].slices[place].count += slice.count
      return
    }
    timeline.lanes[lane].slices.append(slice)
    sliceCount += 1
    if sliceCount > Self.mostSlices { coarsen() }
  }

  private mutating func label(_ text: String) -> Int {
    if let known = labelOf[text] { return known }
    // The first label stands for all that came when there were too many.
    guard timeline.labels.count < Self.mostLabels else { return 0 }
    timeline.labels.append(text)
    labelOf[text] = timeline.labels.count - 1
    return timeline.labels.count - 1
  }

  private mutating func coarsen() {
    while sliceCount > Self.mostSlices / 2, timeline.coarse < timeline.duration {
      timeline.coarse *= 4
      sliceCount = 0
      for lane in timeline.lanes.indices {
        timeline.lanes[lane].slices = Self.merged(timeline.lanes[lane].slices, within: timeline.coarse)
        sliceCount += timeline.lanes[lane].slices.count
      }
    }
  }

  private static func merged(_ slices: [Timeline.Slice], within gap: Nanoseconds) -> [Timeline.Slice] {
    var kept: [Timeline.Slice] = []
    for slice in slices {
      if let last = kept.last, last.kind == slice.kind, slice.start <= last.end + gap {
        kept[kept.count - 1].end = max(last.end, slice.end)
        kept[kept.count - 1].count += slice.count
      } else {
        kept.append(slice)
      }
    }
    return kept
  }

  /// Marks what the findings say: spins in red, their evidence, and arrows from the cause to the lane that suffers.
  mutating func finish(_ findings: [Finding], spins: [Streak], world: World, tables: TraceTables) -> Timeline {
    for lane in timeline.lanes.indices {
      let thread = timeline.lanes[lane].thread
      if let place = world.openPlace(of: thread), let call = world.thread(thread)?.openCall {
        unfinished(
          AbandonedCall(thread: thread, since: call.since, syscall: call.syscall, place: place),
          until: timeline.duration)
      }
      let name = world.thread(timeline.lanes[lane].thread)?.name ?? .empty
      timeline.lanes[lane].name = EventText.harmless(tables.text(name))
    }
    for spin in spins {
      guard let lane = laneOf[spin.thread] else { continue }
      let label = self.label(
        "spin on fd \(spin.fd): \(grouped(spin.returns)) returns of \(EventText.readiness(spin.returned))")
      var slices = timeline.lanes[lane].slices.flatMap { Self.outside($0, of: spin.first..<max(spin.first, spin.last)) }
      slices.append(
        Timeline.Slice(start: spin.first, end: spin.last, kind: .spin, label: label, count: spin.returns))
      timeline.lanes[lane].slices = slices.sorted { $0.start < $1.start }
    }
    for finding in findings { mark(finding) }
    return timeline
  }

  private mutating func mark(_ finding: Finding) {
    for evidence in finding.evidence {
      guard let lane = laneOf[evidence.thread], let kind = evidence.mark else { continue }
      timeline.markers.append(
        Timeline.Marker(lane: lane, time: evidence.time, kind: kind, label: evidence.text, finding: finding.id))
    }
    guard finding.rule != .busyPoll, let actor = finding.actor, let victim = finding.victim,
      let act = finding.evidence.first(where: { $0.pid == actor.pid && $0.mark != .create && $0.mark != nil }),
      let from = laneOf[act.thread],
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
    case .busyPoll: "makes it spin"
    }
  }

  /// The parts of a slice that lie outside of a stretch of time.
  private static func outside(_ slice: Timeline.Slice, of stretch: Range<Nanoseconds>) -> [Timeline.Slice] {
    guard slice.start < stretch.upperBound, slice.end > stretch.lowerBound else { return [slice] }
    var parts: [Timeline.Slice] = []
    if slice.start < stretch.lowerBound {
      parts.append(slice)
      parts[0].end = stretch.lowerBound
    }
    if slice.end > stretch.upperBound {
      parts.append(slice)
      parts[parts.count - 1].start = stretch.upperBound
    }
    return parts
  }
}
