// Records into events. A chunk's records are told against each other (times, threads, bodies of calls that came before),
// and against nothing else: each chunk can be read alone.

/// Decodes chunks one after the other; its tables are used again.
struct ChunkDecoder {
  /// Which version's rules hold.
  private let version: Int
  private let isFormer: Bool
  /// The unit of times, in ns, and the latest moment that can be told in ns.
  private let tick: UInt64
  private let latest: UInt64
  /// The bodies of the chunk's calls, each with its parts in the batch's arena, where all that name it find them.
  private var bodies: [(syscall: Syscall, operation: Operation)] = []
  /// By thread: when its last begin in this chunk was entered, in ticks; `none` for no begin.
  private var begun: [UInt64] = []
  private var threadsBegun: [Int] = []
  private var text: [UInt8] = []
  private static let none = UInt64.max
  /// Of all events so far: how many calls they stand for, and the time inside of these, in ns.
  private var calls: UInt64 = 0
  private var inside: Nanoseconds = 0

  init(version: Int) {
    self.version = version
    isFormer = version < 3
    tick = isFormer ? 1 : TraceFormat.tick
    latest = TraceFormat.latest / tick
  }

  /// Decodes a chunk's body into `batch`; what comes before damage stays. `sequence` is the first event's number, and then
  /// that of the event to come.
  mutating func decode(
    _ body: UnsafeRawBufferPointer, from firstTime: Nanoseconds, sequence: inout UInt64, into batch: inout EventBatch,
    tables: inout TraceTables
  ) throws(TraceError) {
    bodies.removeAll(keepingCapacity: true)
    for thread in threadsBegun { begun[thread] = Self.none }
    threadsBegun.removeAll(keepingCapacity: true)
    text.removeAll(keepingCapacity: true)
    var reader = unsafe ByteReader(body)
    var time = firstTime / tick
    var thread = ThreadID.unknown
    while !reader.isAtEnd {
      let tag = try reader.byte()
      guard let kind = RecordKind(rawValue: tag & RecordKind.mask) else { throw .damaged("an unknown record") }
      switch kind {
      case .string: try define(from: &reader, &tables)
      case .thread:
        let (id, record) = try reader.threadDefinition()
        try tables.define(id, record)
      case .module, .frame, .stackDefinition, .frameName: try reader.stackDefinition(kind, into: &tables)
      case .callWhole, .callBegin, .callEnd, .callReturn:
        if isFormer || tag & RecordKind.sameThread == 0 { thread = ThreadID(Int(try reader.unsigned32())) }
        let event =
          isFormer
          ? try formerCall(kind, tag, thread, &time, from: &reader, into: &batch.arena)
          : try call(kind, tag, thread, &time, from: &reader, into: &batch.arena)
        // A run may not have come to one of its calls yet.
        try claim(event)
        if event.repeats > 0 {
          batch.events.append(event)
          batch.events[batch.events.count - 1].sequence = sequence
        }
        sequence += 1
      default:
        if isFormer || tag & RecordKind.sameThread == 0 { thread = ThreadID(Int(try reader.unsigned32())) }
        time = time &+ UInt64(bitPattern: try reader.signed())
        guard time <= latest else { throw Self.late }
        calls += 1
        if isFormer, tag & RecordKind.repeated != 0 { _ = try reader.unsigned() }
        batch.events.append(
          Event(
            thread: thread, entered: time * tick, exited: time * tick, sequence: sequence,
            body: try reader.fields(kind, version: version, into: &batch.arena)))
        sequence += 1
      }
    }
  }

  private static var late: TraceError { .damaged("a time is out of range") }

  /// No sum that somebody makes of the file's times and counts is greater than these.
  @inline(__always)
  private mutating func claim(_ event: Event) throws(TraceError) {
    calls += UInt64(event.repeats)
    inside &+= event.timeInside &+ event.span
    guard calls <= TraceFormat.mostCalls, inside <= 4 * TraceFormat.latest else {
      throw .damaged("more calls, or more time in them, than a trace can have")
    }
  }

  private mutating func define(from reader: inout ByteReader, _ tables: inout TraceTables) throws(TraceError) {
    let id = StringID(Int(try reader.unsigned32()))
    let shared = isFormer ? 0 : try reader.unsigned()
    guard shared <= UInt64(text.count) else {
      throw .damaged("a text has more in common with the one before than it has")
    }
    text.removeSubrange(Int(shared)...)
    unsafe text.append(contentsOf: try reader.text())
    guard text.count <= TraceFormat.chunkCapacity else { throw .damaged("a text is longer than a chunk") }
    try tables.define(id, text)
  }

  @inline(__always)
  private mutating func call(
    _ kind: RecordKind, _ tag: UInt8, _ thread: ThreadID, _ time: inout UInt64, from reader: inout ByteReader,
    into arena: inout Arena
  ) throws(TraceError) -> Event {
    let exited = time &+ UInt64(bitPattern: try reader.signed())
    var entered = exited
    var phase = Event.Phase.whole
    switch kind {
    case .callBegin:
      phase = .begin
      noteBegin(of: thread, exited)
    case .callReturn:
      guard thread.position < begun.count, begun[thread.position] <= exited else {
        throw .damaged("a call ended that had not begun")
      }
      entered = begun[thread.position]
      phase = .end
    default:
      entered = exited &- (try reader.unsigned())
      if kind == .callEnd { phase = .end }
    }
    guard entered <= exited else { throw .damaged("a call returned before it began") }
    guard exited <= latest else { throw Self.late }
    let number: Int
    if tag & RecordKind.knownBody != 0 {
      let known = try reader.unsigned()
      guard known < UInt64(bodies.count) else { throw .damaged("a call's body is not in its chunk") }
      number = Int(known)
    } else {
      number = bodies.count
      let syscall = Syscall(Int(try reader.unsigned32()))
      bodies.append((syscall, try reader.operation(into: &arena)))
    }
    let result = phase == .begin ? CallResult.pending : CallResult(try reader.signed())
    var event = Event(
      thread: thread, phase: phase, entered: entered * tick, exited: exited * tick,
      body: .call(bodies[number].syscall, result, bodies[number].operation))
    if tag & RecordKind.repeated == 0 {
      time = exited
      return event
    }
    // What changes in place moves no other record: the next difference is counted from where this one was.
    event.cycle = UInt8(truncatingIfNeeded: min(255, max(1, try reader.unsigned())))
    event.repeats = try reader.unsigned32()
    let span = try reader.unsigned()
    let inside = try reader.unsigned()
    guard span <= latest - exited else { throw Self.late }
    event.span = span * tick
    // Its calls did not take longer than it lasted.
    event.inside = min(inside, span &+ (exited - entered)) &* tick
    event.exited += event.span
    return event
  }

  private mutating func noteBegin(of thread: ThreadID, _ entered: UInt64) {
    guard thread.position < TraceFormat.mostBegun else { return }
    while begun.count <= thread.position { begun.append(Self.none) }
    begun[thread.position] = entered
    threadsBegun.append(thread.position)
  }

  /// Versions 1 and 2: every field every time.
  private func formerCall(
    _ kind: RecordKind, _ tag: UInt8, _ thread: ThreadID, _ time: inout UInt64, from reader: inout ByteReader,
    into arena: inout Arena
  ) throws(TraceError) -> Event {
    time = time &+ UInt64(bitPattern: try reader.signed())
    guard time <= latest else { throw Self.late }
    let phase: Event.Phase
    switch kind {
    case .callWhole: phase = .whole
    case .callBegin: phase = .begin
    case .callEnd: phase = .end
    default: throw .damaged("an unknown record")
    }
    let entered = phase == .begin ? time : time &- (try reader.unsigned())
    guard entered <= time else { throw .damaged("a call returned before it began") }
    let repeats = tag & RecordKind.repeated != 0 ? max(1, try reader.unsigned32()) : 1
    let syscall = Syscall(Int(try reader.unsigned32()))
    let result = phase == .begin ? CallResult.pending : CallResult(try reader.signed())
    var event = Event(
      thread: thread, phase: phase, entered: entered, exited: time, repeats: repeats,
      body: .call(syscall, result, try reader.operation(into: &arena)))
    // Between its first entry and its last return, no more is known of a run.
    if repeats > 1 {
      event.span = time - entered
      event.inside = time - entered
    }
    return event
  }
}
