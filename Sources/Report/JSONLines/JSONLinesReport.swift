// `export --format jsonl`: one event a line, each of which can stand by itself among those of thousands of traces.

import Analysis
import Lineage
import Trace

/// Takes a trace's events in their order, and gives lines. What it keeps does not grow with the number of events.
public struct JSONLinesReport {
  public static let schema = "faultline.events/1"

  let survey: TraceSurvey
  private(set) var world = World()
  private var standing = StandingStacks()
  private let naming: StackNaming
  /// By stack: its place in the code as a literal; nil for one that was not told yet.
  private var sites: [[UInt8]?] = []
  /// By thread: who it is, as the middle of a line; empty where that has to be made anew.
  private var identities: [[UInt8]] = []
  /// What calls that have begun were given: by their end the numbers may mean something else.
  private var begun: [ThreadID: NamedObjects] = [:]
  private let trace: [UInt8]
  private let started: [UInt8]
  private var syscalls: [[UInt8]] = []
  var line = LineBuffer()

  public init(_ survey: TraceSurvey, naming: any FrameNaming) {
    self.survey = survey
    self.naming = StackNaming(tables: survey.tables, naming: naming)
    let root = survey.root.flatMap { survey.tables.thread($0) }?.pid ?? 0
    trace = Array("\"\(String(survey.header.started, radix: 16))-\(root)\"".utf8)
    started = Array("\"\(JSONReport.timestamp(survey.header.started))\"".utf8)
  }

  /// Gives the lines since the last time, and forgets them.
  public mutating func takeLines(_ take: ([UInt8]) throws -> Void) rethrows {
    try take(line.bytes)
    line.clear()
  }

  // MARK: The trace's own line

  /// The first line. It has all columns, null where they are of events: whoever takes the columns from the lines finds each.
  public mutating func begin() {
    line.beginLine(trace)
    for column in EventColumn.allCases.dropFirst() {
      switch column {
      case .type: line.add(column, "trace")
      case .started: line.add(column, json: started)
      case .t_ns: line.add(column, 0)
      case .end_ns: line.add(column, survey.duration)
      case .pid: line.add(column, survey.root.flatMap { survey.tables.thread($0) }?.pid ?? 0)
      case .command: line.add(column, command)
      case .argv: argv(survey.command)
      case .schema: line.add(column, Self.schema)
      case .source: line.add(column, survey.header.source.rawValue)
      case .format_version: line.add(column, survey.header.version)
      case .event_count: line.add(column, survey.events)
      case .folded_calls: line.add(column, survey.foldedCalls)
      case .complete: line.add(column, survey.isComplete)
      case .began_after_start: line.add(column, survey.header.beganAfterStart)
      default:
        line.key(column)
        line.raw("null")
      }
    }
    line.endLine()
  }

  /// The program's name, as `World.command` makes it.
  private var command: String {
    let path = survey.command.first.map { survey.tables.text($0) } ?? ""
    return EventText.harmless(path.split(separator: "/").last.map(String.init) ?? "?")
  }

  mutating func argv(_ words: some Sequence<StringID>) {
    let tables = survey.tables
    line.array(.argv, words) { $0.string(tables.bytes($1)) }
  }

  // MARK: Events

  private static let mostWaiting = 1 << 18

  /// Batches come in the trace's order; their lines go on in parts of some hundred kilobytes.
  public mutating func add(_ batch: EventBatch, _ take: ([UInt8]) throws -> Void) rethrows {
    for event in batch.events {
      add(event, batch.arena)
      if line.bytes.count >= Self.mostWaiting { try takeLines(take) }
    }
  }

  mutating func add(_ told: Event, _ arena: Arena) {
    var event = told
    standing.place(on: &event)
    guard case .call(let syscall, let result, let operation) = event.body else {
      world.apply(event, arena: arena, tables: survey.tables)
      forgetIdentity(event)
      beginLine(event)
      other(event, arena)
      line.endLine()
      return
    }
    var objects = NamedObjects()
    if event.phase == .end, !begun.isEmpty, let given = begun.removeValue(forKey: event.thread) {
      objects = given
    } else {
      objects = given(operation, event.thread)
      if event.phase == .begin { begun[event.thread] = objects }
    }
    world.apply(event, arena: arena, tables: survey.tables)
    if event.phase != .begin { objects = made(objects, operation, result, event.thread) }
    if case .exec(let exec) = operation, event.phase != .begin {
      forgetIdentity(event)
      begun[exec.caller] = nil
    }
    beginLine(event)
    returned(event, syscall, result)
    add(objects)
    self.call(operation, event, arena)
    if event.stack != .none { stack(event.stack) }
    line.endLine()
  }

  /// What every event has.
  private mutating func beginLine(_ event: Event) {
    line.beginLine(trace)
    line.add(.event, event.sequence)
    line.add(.type, Self.type(event.body))
    if case .call = event.body {
      switch event.phase {
      case .whole: line.add(.phase, "whole")
      case .begin: line.add(.phase, "begin")
      case .end: line.add(.phase, "end")
      }
    }
    line.add(.started, json: started)
    line.add(.t_ns, event.entered)
    if case .call = event.body, event.phase != .begin {
      line.add(.end_ns, event.exited)
      line.add(.inside_ns, event.timeInside)
      line.add(.repeats, event.repeats)
      if event.repeats > 1 {
        line.add(.cycle, event.cycle)
        line.add(.span_ns, event.span)
      }
    }
    identity(event.thread)
  }

  private mutating func returned(_ event: Event, _ syscall: Syscall, _ result: CallResult) {
    let number = Int(syscall.number)
    while syscalls.count <= number { syscalls.append(Array("\"\(Syscall(syscalls.count).name)\"".utf8)) }
    line.add(.syscall, json: syscalls[number])
    guard event.phase != .begin, !result.isPending else { return }
    line.add(.result, result.failed ? -1 : result.rawValue)
    if result.failed { line.add(.errno, errnoName(result.errno)) }
  }

  // MARK: Who

  private mutating func identity(_ thread: ThreadID) {
    let place = thread.position
    if place < identities.count, !identities[place].isEmpty {
      line.raw(identities[place])
      return
    }
    guard let record = survey.tables.thread(thread) else { return }
    let start = line.bytes.count
    line.add(.pid, record.pid)
    line.add(.tid, record.tid)
    line.add(.process, record.process.index)
    line.add(.thread, thread.index)
    guard world.process(record.process) != nil else { return }
    let command = world.command(record.process, survey.tables)
    if command != World.unnamedCommand, command != "?" { line.add(.command, command) }
    line.add(.execed, world.hasExeced(record.process))
    while identities.count <= place { identities.append([]) }
    identities[place] = Array(line.bytes[start...])
  }

  /// After what changes a process's program, and when a thread is gone, whose room is needed no more.
  private mutating func forgetIdentity(_ event: Event) {
    switch event.body {
    case .start, .existingThread, .end, .call:
      if event.thread.position < identities.count { identities[event.thread.position] = [] }
    default: return
    }
    if case .end = event.body { begun[event.thread] = nil }
  }

  // MARK: Objects

  // What mutates a report copies its World to hand it on, a hundred references for each event; what does not, and is not
  // inlined into what does, lends it.

  @inline(never)
  private func given(_ operation: Operation, _ thread: ThreadID) -> NamedObjects { .given(operation, world, thread) }

  @inline(never)
  private func made(
    _ objects: NamedObjects, _ operation: Operation, _ result: CallResult, _ thread: ThreadID
  ) -> NamedObjects {
    var all = objects
    all.addMade(operation, result, world, thread)
    return all
  }

  @inline(never)
  func object(_ fd: FD, _ thread: ThreadID) -> NamedObject { NamedObject(fd, world, thread) }

  @inline(never)
  func object(_ ready: Ready) -> NamedObject { NamedObject(ready.fd, file: ready.file, world) }

  private func record(_ thread: ThreadID) -> ThreadRecord? { survey.tables.thread(thread) }

  mutating func add(_ objects: NamedObjects) {
    if let object = objects.first {
      line.add(.fd, object.fd)
      if let kind = object.kind { line.add(.kind, Self.name(kind)) }
      if let side = object.side {
        line.add(.side, Self.name(side))
        line.add(.channel, object.channel)
      }
      if object.openFile > 0 { line.add(.open_file, object.openFile) }
      if let creator = record(object.creator) { line.add(.creator_pid, creator.pid) }
    }
    if let object = objects.second {
      line.add(.other_fd, object.fd)
      if let kind = object.kind { line.add(.other_kind, Self.name(kind)) }
      if let side = object.side {
        line.add(.other_side, Self.name(side))
        line.add(.other_channel, object.channel)
      }
      if object.openFile > 0 { line.add(.other_open_file, object.openFile) }
      if let creator = record(object.creator) { line.add(.other_creator_pid, creator.pid) }
    }
  }

  // MARK: Stacks

  /// Of a call: the number of its stack, and the frame that a reader wants to see first.
  mutating func stack(_ id: StackID) {
    line.add(.stack, id.index)
    if id.position < sites.count, let site = sites[id.position], !site.isEmpty { line.add(.site, json: site) }
  }

  /// Of an event that tells a stack: also its frames, the first time.
  mutating func told(_ id: StackID, isOfCall: Bool) {
    while sites.count <= id.position, id.position < survey.tables.stacks.count { sites.append(nil) }
    guard id.position < sites.count, sites[id.position] == nil else {
      stack(id)
      line.add(.in_call, isOfCall)
      return
    }
    let frames = naming.frames(of: id)
    var site = LineBuffer()
    if let frame = frames.first(where: \.isBlamed) ?? frames.first { site.string(frame.words.utf8) }
    sites[id.position] = site.bytes
    stack(id)
    line.add(.in_call, isOfCall)
    line.add(.frames, frames.lazy.map(\.words))
  }
}
