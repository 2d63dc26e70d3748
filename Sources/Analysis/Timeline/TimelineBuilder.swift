// Events into a Timeline, in bounded memory: when slices become many, neighbours of one kind are merged; when lanes do, those of
// threads that ended soonest after their birth are left out.

import Lineage
import Trace

struct TimelineBuilder {
  private static let mostMarks = 4_000
  /// Calls that return sooner did not block.
  private static let blocked: Nanoseconds = 200_000
  private static let mostLanes = 16_384

  private let detail: TimelineDetail
  private var nextThinning = TimelineBuilder.mostLanes
  var timeline = Timeline()
  var duration: Nanoseconds {
    get { timeline.duration }
    set { timeline.duration = newValue }
  }
  private var slices = TimelineSlices()
  /// By thread and by process; -1 for none.
  private var laneOf: ContiguousArray<Int32> = []
  private var processOf: ContiguousArray<Int32> = []
  /// By lane: what its last wait was on, and the label of that.
  private var lastLabel: ContiguousArray<(place: CallPlace, label: Int32)?> = []
  private var labelOf: [String: Int32] = [:]

  private static let mostLabels = 4096

  private var calls = TimelineCalls()
  /// By lane: the call that it was seen to begin last, with its own arena.
  private var begun: ContiguousArray<(event: Event, arena: Arena)?> = []

  private var channels = ChannelTracks()
  /// Arrows from writes to waits, which must not take the places of the others.
  private var wakes = 0

  init(_ detail: TimelineDetail) {
    self.detail = detail
    timeline.coarse = detail.coarse
    timeline.labels = ["another call"]
  }

  func lane(of thread: ThreadID) -> Int? {
    guard thread.position < laneOf.count, laneOf[thread.position] >= 0 else { return nil }
    return Int(laneOf[thread.position])
  }

  private func group(of process: ProcessID) -> Int? {
    guard process.position < processOf.count, processOf[process.position] >= 0 else { return nil }
    return Int(processOf[process.position])
  }

  /// Threads have ended inside of calls.
  mutating func abandoned(at time: Nanoseconds, world: World, tables: TraceTables) {
    for call in world.abandoned { unfinished(call, until: time, tables: tables) }
  }

  /// A call has begun that other threads' events come between: its thread may never return from it.
  mutating func entered(_ event: Event, arena: Arena) {
    guard detail.tellsAllCalls, let lane = lane(of: event.thread) else { return }
    var begin = begun[lane] ?? (event, Arena())
    begun[lane] = nil
    begin.event = event
    begin.arena.removeAll()
    begin.arena.adopt(&begin.event, from: arena)
    begun[lane] = begin
  }

  /// A call has returned.
  mutating func returned(
    _ event: Event, _ syscall: Syscall, _ result: CallResult, _ operation: Operation, arena: Arena, world: World,
    tables: TraceTables
  ) {
    func slice(_ kind: Timeline.Kind) {
      self.slice(event, syscall, result, kind, operation, arena: arena, world: world, tables: tables)
    }
    switch operation {
    case .wait: slice(.wait)
    case .sleep: slice(.sleep)
    default:
      if case .exec = operation, result.succeeded { execed(event, world: world, tables: tables) }
      if event.meanTime >= Self.blocked, ActivityMeter.canBlock(syscall, operation, world: world) {
        slice(.blocked)
      } else if detail.tellsAllCalls {
        slice(.run)
      }
    }
    if detail.tellsChannels { noteChannels(event, operation, world: world) }
  }

  /// What the call did to channels, and who woke its thread.
  private mutating func noteChannels(_ event: Event, _ operation: Operation, world: World) {
    guard let process = world.processID(of: event.thread) else { return }
    for effect in [world.effect, world.farEffect] where effect.channel >= 0 && effect.kind != .none {
      channels.note(world.channels[Int(effect.channel)], by: process, at: event.exited)
    }
    for arrival in world.arrivals where timeline.flows.count - wakes < Self.mostMarks {
      guard let from = lane(of: arrival.sender), let to = lane(of: event.thread) else { continue }
      let pairs = zip(arrival.from, arrival.to).map { "fd \($0) becomes fd \($1)" }
      timeline.flows.append(
        Timeline.Flow(
          kind: .pass, fromLane: from, fromTime: min(arrival.sent, event.exited), toLane: to, toTime: event.exited,
          label: "passed by message: \(pairs.joined(separator: ", "))", finding: nil))
    }
    guard case .wait = operation, wakes < Self.mostMarks, let to = lane(of: event.thread) else { return }
    for ready in world.ready where ready.channel >= 0 && ready.file >= 0 {
      guard let write = world.channels[Int(ready.channel)].incoming(at: world.files[Int(ready.file)].side).next,
        write.time > event.entered, write.time <= event.exited, write.writer != event.thread,
        let from = lane(of: write.writer)
      else { continue }
      wakes += 1
      if wakes == Self.mostMarks { timeline.wakesUntil = event.exited }
      timeline.flows.append(
        Timeline.Flow(
          kind: .wakes, fromLane: from, fromTime: write.time, toLane: to, toTime: event.exited,
          label: "write on fd \(write.fd) ends the wait on fd \(ready.fd)", finding: nil))
    }
  }

  /// Channels whose last descriptor was closed.
  mutating func gone(_ gone: [Channel], at time: Nanoseconds) {
    guard detail.tellsChannels else { return }
    for channel in gone { channels.gone(channel, at: time) }
  }

  /// What is no call.
  mutating func happened(_ event: Event, arena: Arena, world: World, tables: TraceTables) {
    switch event.body {
    case .start(let start): began(event, start, world: world, tables: tables)
    // Who forked it was not seen: no arrow.
    case .existingThread: began(event, Start(parent: .unknown, flags: 0), world: world, tables: tables)
    case .end: ended(event, world: world)
    case .signal(let delivery): delivered(delivery, event, arena: arena, world: world, tables: tables)
    default: break
    }
  }

  private mutating func delivered(
    _ delivery: SignalDelivery, _ event: Event, arena: Arena, world: World, tables: TraceTables
  ) {
    guard let lane = lane(of: event.thread), timeline.markers.count < Self.mostMarks else { return }
    timeline.markers.append(
      Timeline.Marker(
        lane: lane, time: event.time, kind: .signal,
        label: EventText.line(event, arena: arena, tables: tables), finding: nil))
    guard delivery.sender > 0, timeline.flows.count - wakes < Self.mostMarks,
      let sender = world.living.first(where: { world.process($0)?.pid == delivery.sender }).flatMap({ group(of: $0) }),
      let from = timeline.processes[sender].lanes.first, from != lane
    else { return }
    timeline.flows.append(
      Timeline.Flow(
        kind: .signal, fromLane: from, fromTime: event.time, toLane: lane, toTime: event.time,
        label: signalName(delivery.number), finding: nil))
  }

  private mutating func began(_ event: Event, _ start: Start, world: World, tables: TraceTables) {
    guard let thread = world.thread(event.thread), lane(of: event.thread) == nil else { return }
    if timeline.lanes.count >= nextThinning {
      thinOut()
      // Living threads stay, however many they are.
      nextThinning = max(Self.mostLanes, 2 * timeline.lanes.count)
    }
    let group = beginProcess(thread.process, at: event.time, world: world, tables: tables)
    let lane = timeline.lanes.count
    while laneOf.count <= event.thread.position { laneOf.append(-1) }
    laneOf[event.thread.position] = Int32(lane)
    timeline.processes[group].lanes.append(lane)
    timeline.lanes.append(
      Timeline.Lane(thread: event.thread, tid: thread.tid, name: "", process: group, start: event.time))
    slices.addLane()
    lastLabel.append(nil)
    begun.append(nil)
    if timeline.flows.count - wakes < Self.mostMarks, let from = self.lane(of: start.parent) {
      let pid = timeline.processes[group].pid
      timeline.flows.append(
        Timeline.Flow(
          kind: start.isThread ? .clone : .fork, fromLane: from, fromTime: event.time, toLane: lane,
          toTime: event.time, label: start.isThread ? "new thread \(thread.tid)" : "fork of pid \(pid)",
          finding: nil))
    }
  }

  private mutating func beginProcess(
    _ id: ProcessID, at time: Nanoseconds, world: World, tables: TraceTables
  ) -> Int {
    if let known = group(of: id) { return known }
    let place = timeline.processes.count
    while processOf.count <= id.position { processOf.append(-1) }
    processOf[id.position] = Int32(place)
    let parent = world.parent(of: id).flatMap { group(of: $0) }
    var command: String?
    // At its birth it is what its parent is.
    if let parent, world.hasArguments(of: timeline.processes[parent].id, id) {
      command = timeline.processes[parent].execs.last?.command ?? timeline.processes[parent].command
    }
    timeline.processes.append(
      Timeline.Process(
        id: id, pid: world.process(id)?.pid ?? 0, command: command ?? world.commandLine(id, tables), parent: parent,
        start: time))
    return place
  }

  private mutating func ended(_ event: Event, world: World) {
    if let lane = lane(of: event.thread) { timeline.lanes[lane].end = event.time }
    guard let id = world.processID(of: event.thread), let group = group(of: id), let process = world.process(id),
      !process.isAlive
    else { return }
    timeline.processes[group].end = event.time
    timeline.processes[group].exit = process.status.map { EventText.ending($0) }
  }

  private mutating func execed(_ event: Event, world: World, tables: TraceTables) {
    guard let lane = lane(of: event.thread) else { return }
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
    _ event: Event, _ syscall: Syscall, _ result: CallResult, _ kind: Timeline.Kind, _ operation: Operation,
    arena: Arena, world: World, tables: TraceTables
  ) {
    guard let lane = lane(of: event.thread) else { return }
    let place = ActivityMeter.place(event, syscall, operation, arena: arena, world: world)
    var start = event.entered
    // Calls that take turns fill the same stretch of time: the first of them stands for all.
    if event.cycle > 1 { start = max(start, slices.end(of: lane)) }
    guard start < event.exited || event.cycle == 1 else { return }
    var slice = Timeline.Slice(
      start: start, end: event.exited, kind: kind, label: label(place, lane: lane), count: UInt64(event.repeats))
    if detail.tellsAllCalls {
      slice.call = calls.place(
        of: event, syscall, result, operation, isWanted: detail.isWindow(start, event.exited), arena: arena,
        tables: tables)
    }
    add(slice, to: lane)
  }

  /// A thread mostly waits where it waited before.
  private mutating func label(_ place: CallPlace, lane: Int) -> Int32 {
    if let last = lastLabel[lane], last.place == place { return last.label }
    let label = label(ActivityMeter.words(place))
    lastLabel[lane] = (place, label)
    return label
  }

  /// A call that its thread ended in, or is still in at the end.
  private mutating func unfinished(_ call: AbandonedCall, until end: Nanoseconds, tables: TraceTables) {
    guard let lane = lane(of: call.thread), end > call.since else { return }
    let kind: Timeline.Kind =
      switch call.syscall {
      case .poll, .ppoll, .select, .pselect6, .epollWait, .epollPwait, .epollPwait2: .wait
      case .nanosleep, .clockNanosleep: .sleep
      default: .blocked
      }
    let words = "\(ActivityMeter.words(call.place)), never returned"
    var slice = Timeline.Slice(start: call.since, end: end, kind: kind, label: label(words), count: 1)
    if let (event, arena) = begun[lane], event.entered == call.since,
      case .call(let syscall, let result, let operation) = event.body
    {
      slice.call = calls.place(
        of: event, syscall, result, operation, isWanted: true, arena: arena, tables: tables)
    }
    add(slice, to: lane)
  }

  private mutating func add(_ slice: Timeline.Slice, to lane: Int) {
    slices.add(slice, to: lane, within: timeline.coarse, calls)
    if slices.count > detail.mostSlices { coarsen() }
  }

  private mutating func label(_ text: String) -> Int32 {
    if let known = labelOf[text] { return known }
    // The first label stands for all that came when there were too many.
    guard timeline.labels.count < Self.mostLabels else { return 0 }
    timeline.labels.append(text)
    let label = Int32(timeline.labels.count - 1)
    labelOf[text] = label
    return label
  }

  private mutating func coarsen() {
    while slices.count > detail.mostSlices / 2, timeline.coarse < timeline.duration {
      // From what one slice in so many takes, if they are alike.
      timeline.coarse = max(timeline.coarse * 4, timeline.duration / UInt64(detail.mostSlices), 1_000)
      slices.merge(within: timeline.coarse, besides: detail, calls)
    }
  }

  /// Leaves out lanes until half of the most are there: of the ended threads those that lived shortest. A process goes with its
  /// last lane, unless it has descendants in the timeline.
  private mutating func thinOut() {
    func lived(_ lane: Int) -> Nanoseconds {
      timeline.lanes[lane].end.map { $0 - min($0, timeline.lanes[lane].start) } ?? .max
    }
    let shortest = timeline.lanes.indices.filter { timeline.lanes[$0].end != nil }.sorted { lived($0) < lived($1) }
    var isKept = Array(repeating: true, count: timeline.lanes.count)
    for lane in shortest.prefix(timeline.lanes.count - Self.mostLanes / 2) { isKept[lane] = false }
    // Children come after their parents.
    var isParent = Array(repeating: false, count: timeline.processes.count)
    for place in timeline.processes.indices.reversed() {
      let lanes = timeline.processes[place].lanes
      if isParent[place], !lanes.contains(where: { isKept[$0] }), let first = lanes.first { isKept[first] = true }
      if lanes.contains(where: { isKept[$0] }), let parent = timeline.processes[place].parent {
        isParent[parent] = true
      }
    }
    keep(lanes: isKept)
  }

  private mutating func keep(lanes isKept: [Bool]) {
    let kept = timeline.lanes.indices.filter { isKept[$0] }
    timeline.leftOut += timeline.lanes.count - kept.count
    var laneNow = Array(repeating: -1, count: isKept.count)
    for (now, lane) in kept.enumerated() { laneNow[lane] = now }
    var processNow = Array(repeating: -1, count: timeline.processes.count)
    var processes: [Timeline.Process] = []
    for (place, process) in timeline.processes.enumerated() {
      var process = process
      process.lanes = process.lanes.compactMap { laneNow[$0] >= 0 ? laneNow[$0] : nil }
      process.parent = process.parent.map { processNow[$0] }
      if !process.lanes.isEmpty { processNow[place] = processes.count }
      processOf[process.id.position] = Int32(processNow[place])
      if !process.lanes.isEmpty { processes.append(process) }
    }
    for lane in timeline.lanes { laneOf[lane.thread.position] = -1 }
    timeline.processes = processes
    timeline.lanes = kept.map { timeline.lanes[$0] }
    for lane in timeline.lanes.indices {
      timeline.lanes[lane].process = processNow[timeline.lanes[lane].process]
      laneOf[timeline.lanes[lane].thread.position] = Int32(lane)
    }
    slices.keep(lanes: kept)
    lastLabel = ContiguousArray(kept.map { lastLabel[$0] })
    begun = ContiguousArray(kept.map { begun[$0] })
    timeline.markers = timeline.markers.compactMap { marker in
      var marker = marker
      marker.lane = laneNow[marker.lane]
      return marker.lane >= 0 ? marker : nil
    }
    timeline.flows = timeline.flows.compactMap { flow in
      var flow = flow
      flow.fromLane = laneNow[flow.fromLane]
      flow.toLane = laneNow[flow.toLane]
      return flow.fromLane >= 0 && flow.toLane >= 0 ? flow : nil
    }
  }

  /// Marks what the findings say: spins in red, their evidence, and arrows from the cause to the lane that suffers.
  mutating func finish(_ findings: [Finding], spins: [Streak], world: World, tables: TraceTables) -> Timeline {
    for lane in timeline.lanes.indices {
      let thread = timeline.lanes[lane].thread
      if let place = world.openPlace(of: thread), let call = world.openCall(of: thread) {
        unfinished(
          AbandonedCall(thread: thread, slot: -1, since: call.since, syscall: call.syscall, place: place),
          until: timeline.duration, tables: tables)
      }
      let state = world.thread(timeline.lanes[lane].thread)
      let name = state.map { $0.givenName == .empty ? $0.name : $0.givenName } ?? .empty
      timeline.lanes[lane].name = EventText.harmless(tables.text(name))
    }
    for place in timeline.processes.indices {
      timeline.processes[place].title = world.title(of: timeline.processes[place].id, tables)
      if let name = world.givenName(of: timeline.processes[place].id, tables) {
        // In front, since there may be no room for all.
        timeline.processes[place].command = "\"\(name)\" \(timeline.processes[place].command)"
      }
    }
    for lane in timeline.lanes.indices { timeline.lanes[lane].slices = slices.slices(of: lane) }
    for spin in spins {
      guard let lane = lane(of: spin.thread) else { continue }
      let label = self.label(
        "spin on fd \(spin.fd): \(grouped(spin.returns)) returns of \(EventText.readiness(spin.returned))")
      let stretch = spin.first..<max(spin.first, spin.last)
      let waits = timeline.lanes[lane].slices.filter {
        $0.kind == .wait && $0.start < stretch.upperBound && $0.end > stretch.lowerBound
      }
      var slices = timeline.lanes[lane].slices.flatMap { Self.outside($0, of: stretch) }
      var slice = Timeline.Slice(start: spin.first, end: spin.last, kind: .spin, label: label, count: spin.returns)
      // Alike as they are, one tells more that has a stack.
      if let first = waits.first(where: { calls.stack(of: $0) != .none }) ?? waits.first {
        slice.call = first.call
        slice.differences = waits.reduce([]) { $0.union(calls.differences(first, $1)) }
      }
      slices.append(slice)
      timeline.lanes[lane].slices = slices.sorted { $0.start < $1.start }
    }
    for finding in findings { mark(finding) }
    timeline.calls = calls.calls
    timeline.leavesOutCalls = calls.leavesOut
    timeline.channels = channels.channels(findings, world: world, tables: tables)
    return timeline
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
