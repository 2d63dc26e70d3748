// `export --format perfetto`: a trace for ui.perfetto.dev. Events become slices, instants and counters as the analysis goes over them, so
// that no more is held than what threads are in the middle of; the findings come last. Packets need not be in the order of time:
// Perfetto sorts them, and keeps the order of those of one moment.

import Analysis
import Lineage
import Trace

public final class PerfettoExport: EventObserver {
  var writer: PerfettoWriter
  private let naming: any FrameNaming
  /// By thread.
  private var lanes: ContiguousArray<Lane> = []
  /// By process.
  private var isDescribed: ContiguousArray<Bool> = []
  var flows = PerfettoFlows()
  var channels: [UInt32: PerfettoChannel] = [:]
  private var stacks: [StackID: [String]] = [:]
  private static let mostStacks = 4096

  private struct Lane {
    var isThere = false
    /// Where its last slice ends: slices of a thread must not overlap.
    var end: Nanoseconds = 0
    var cycle: Cycle?
  }

  /// Calls that take turns, told one after the other: one slice.
  private struct Cycle {
    var start: Nanoseconds
    var end: Nanoseconds
    var rounds: UInt32
    var names: [String] = []
    var lines: [String] = []
    var inside: Nanoseconds = 0
    var flows: [UInt64] = []
    var rest: Int
  }

  /// - Parameters:
  ///   - began: what the trace's header says, ns since 1970.
  ///   - naming: names native frames.
  ///   - sink: takes the file's bytes, piece by piece.
  public init(began: UInt64, naming: any FrameNaming, sink: @escaping ([UInt8]) throws -> Void) throws {
    writer = PerfettoWriter(sink: sink)
    self.naming = naming
    try writer.clock(began: began)
  }

  // MARK: Events

  public func observed(_ event: Event, arena: Arena, world: World, tables: TraceTables) throws {
    for call in world.abandoned { try unfinished(call, until: event.time, world: world, tables: tables) }
    switch event.body {
    case .call(let syscall, let result, let operation):
      guard event.phase != .begin, world.thread(event.thread) != nil else { break }
      try returned(event, syscall, result, operation, arena: arena, world: world, tables: tables)
    case .start(let start):
      try describe(event.thread, world: world, tables: tables)
      let parent = world.thread(start.parent)
      let name = start.isThread ? "thread started" : "process started"
      try writer.instant(
        parent.map { "\(name) by thread \($0.tid)" } ?? name, .fork, on: PerfettoTrack.thread(event.thread),
        at: event.time, flows: parent == nil ? [] : [PerfettoFlows.birth(of: event.thread)])
    case .existingThread: try describe(event.thread, world: world, tables: tables)
    case .name, .givenName: try describe(event.thread, world: world, tables: tables)
    case .end: try ended(event, arena: arena, world: world, tables: tables)
    case .signal, .handlerLeft:
      try writer.instant(
        EventText.line(event, arena: arena, tables: tables).trimmingDashes, .signal,
        on: PerfettoTrack.thread(event.thread), at: event.time)
    case .usage:
      guard let thread = world.thread(event.thread) else { break }
      try writer.count(thread.running, on: PerfettoTrack.processorTime(event.thread), at: event.time)
    case .running, .counter, .missing, .interest, .handlers, .outsider, .lockedBy, .scope, .armed, .stack, .existing,
      .blindSpot:
      break
    }
    try countBytes(at: event.time, world: world, tables: tables)
  }

  public func ended(at time: Nanoseconds, world: World, tables: TraceTables) throws {
    for id in world.living {
      for thread in world.threads(of: id) {
        try finishCycle(of: thread)
        guard let call = world.openCall(of: thread), let place = world.openPlace(of: thread) else { continue }
        var left = AbandonedCall(thread: thread, slot: -1, since: call.since, syscall: call.syscall, place: place)
        left.stack = call.stack
        try unfinished(left, until: time, world: world, tables: tables)
      }
    }
    for process in world.processes { try describe(process, world: world, tables: tables) }
    for channel in channels.values.sorted(by: { $0.serial < $1.serial }) { try writer.end(on: channel.track, at: time) }
  }

  /// Describes a process once it has its last name: of several, Perfetto takes the first.
  private func describe(_ process: ProcessState, world: World, tables: TraceTables) throws {
    let place = process.id.position
    while isDescribed.count <= place { isDescribed.append(false) }
    guard !isDescribed[place] else { return }
    isDescribed[place] = true
    try writer.describe(.process(process, world: world, tables: tables), at: process.started)
  }

  /// Describes a thread; again when its name has changed.
  private func describe(_ id: ThreadID, world: World, tables: TraceTables) throws {
    guard let thread = world.thread(id), let process = world.process(thread.process) else { return }
    try writer.describe(.thread(thread, pid: process.pid, tables: tables), at: thread.started)
    while lanes.count <= id.position { lanes.append(Lane()) }
    guard !lanes[id.position].isThere else { return }
    lanes[id.position].isThere = true
    var track = PerfettoTrackDescriptor(
      PerfettoTrack.processorTime(id), name: "CPU time of \(thread.tid)", below: PerfettoTrack.thread(id))
    track.counter.unit = .timeNs
    try writer.describe(track, at: thread.started)
    try writer.count(0, on: PerfettoTrack.processorTime(id), at: thread.started)
  }

  private func ended(_ event: Event, arena: Arena, world: World, tables: TraceTables) throws {
    try finishCycle(of: event.thread)
    if let process = world.process(of: event.thread), !process.isAlive {
      try describe(process, world: world, tables: tables)
    }
    try writer.instant(
      EventText.line(event, arena: arena, tables: tables).trimmingDashes, .fork,
      on: PerfettoTrack.thread(event.thread), at: event.time)
  }

  // MARK: Calls

  private func returned(
    _ event: Event, _ syscall: Syscall, _ result: CallResult, _ operation: Operation, arena: Arena, world: World,
    tables: TraceTables
  ) throws {
    let track = PerfettoTrack.thread(event.thread)
    while lanes.count <= event.thread.position { lanes.append(Lane()) }
    let name = EventText.place(event, syscall, operation, arena: arena, world: world)
    let line = EventText.line(event, arena: arena, tables: tables)
    let touched = flows.touched(event, operation, world: world, tables: tables)
    if let woken = touched.woken {
      try tell(woken.by, on: PerfettoTrack.thread(woken.thread), at: woken.time)
    }
    if event.cycle > 1 {
      try takeTurn(event, name: name, line: line, flows: touched.own)
      return
    }
    try finishCycle(of: event.thread)
    let start = max(event.entered, lanes[event.thread.position].end)
    let end = max(start, event.exited)
    var notes: [PerfettoNote] = [.text("call", line)]
    if event.repeats > 1 {
      notes.append(.number("count", event.repeats))
      notes.append(.unsigned("inside_ns", event.timeInside))
    }
    if world.effect.channel >= 0 {
      notes.append(.number("channel", world.channels[Int(world.effect.channel)].serial))
    }
    if event.stack != .none { notes.append(.list("stack", frames(of: event.stack, tables))) }
    try writer.begin(
      name, Self.category(event, operation), on: track, at: start, flows: touched.own, notes: notes)
    if let waker = touched.waker {
      try tell(waker, on: track, at: min(max(event.firstReturn, start), end))
    }
    try writer.end(on: track, at: end)
    lanes[event.thread.position].end = end
  }

  private func tell(_ waker: PerfettoFlows.Waker, on track: UInt64, at time: Nanoseconds) throws {
    try writer.instant("woken by \(waker.words)", .wakeup, on: track, at: time, flows: [waker.flow])
  }

  private static func category(_ event: Event, _ operation: Operation) -> PerfettoWriter.Category {
    switch operation {
    case .wait: event.repeats > 1 ? .run : .wait
    case .sleep: .sleep
    case .spawn, .exec, .exit: .fork
    default: event.repeats > 1 ? .run : .call
    }
  }

  private func takeTurn(_ event: Event, name: String, line: String, flows: [UInt64]) throws {
    let place = event.thread.position
    if let cycle = lanes[place].cycle, event.entered >= cycle.end { try finishCycle(of: event.thread) }
    var cycle =
      lanes[place].cycle
      ?? Cycle(start: event.entered, end: event.exited, rounds: 0, rest: Int(event.cycle))
    cycle.start = min(cycle.start, event.entered)
    cycle.end = max(cycle.end, event.exited)
    cycle.rounds = max(cycle.rounds, event.repeats)
    cycle.names.append(name)
    cycle.lines.append(line)
    cycle.inside += event.timeInside
    cycle.flows += flows
    cycle.rest -= 1
    lanes[place].cycle = cycle
    if cycle.rest <= 0 { try finishCycle(of: event.thread) }
  }

  private func finishCycle(of thread: ThreadID) throws {
    guard thread.position < lanes.count, let cycle = lanes[thread.position].cycle else { return }
    lanes[thread.position].cycle = nil
    let track = PerfettoTrack.thread(thread)
    let start = max(cycle.start, lanes[thread.position].end)
    let end = max(start, cycle.end)
    try writer.begin(
      cycle.names.joined(separator: ", "), .run, on: track, at: start, flows: cycle.flows,
      notes: [
        .list("calls", cycle.lines), .number("count", cycle.rounds), .unsigned("inside_ns", cycle.inside),
      ])
    try writer.end(on: track, at: end)
    lanes[thread.position].end = end
  }

  /// A call that its thread ended in, or is still in at the end.
  private func unfinished(_ call: AbandonedCall, until time: Nanoseconds, world: World, tables: TraceTables) throws {
    let place = call.thread.position
    try finishCycle(of: call.thread)
    while lanes.count <= place { lanes.append(Lane()) }
    let track = PerfettoTrack.thread(call.thread)
    let start = max(call.since, lanes[place].end)
    var notes: [PerfettoNote] = [PerfettoNote(name: "returned", value: .flag(false))]
    if call.stack != .none { notes.append(.list("stack", frames(of: call.stack, tables))) }
    try writer.begin(
      "\(EventText.words(call.place)), never returned", .blocked, on: track, at: start, notes: notes)
    try writer.end(on: track, at: max(start, time))
    lanes[place].end = max(start, time)
  }

  private func frames(of stack: StackID, _ tables: TraceTables) -> [String] {
    if let known = stacks[stack] { return known }
    if stacks.count >= Self.mostStacks { stacks.removeAll() }
    let words = StackNaming(tables: tables, naming: naming).frames(of: stack).map(\.words)
    stacks[stack] = words
    return words
  }
}

extension String {
  /// What dump sets off by dashes or plus signs, without these.
  fileprivate var trimmingDashes: String {
    var text = self[...]
    for ends in ["--- ", "+++ "] where text.hasPrefix(ends) { text = text.dropFirst(4) }
    for ends in [" ---", " +++"] where text.hasSuffix(ends) { text = text.dropLast(4) }
    return String(text)
  }
}
