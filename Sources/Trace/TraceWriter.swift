// The one writer of .flt files: events into records. What stands in the file follows what happens at once, so that it is
// whole however this process ends; see ChunkFile.

/// Writes a trace as it happens. Not for use from several threads.
///
/// - A call's begin is held back until something happens before its end that it could matter for. If nothing does, one whole
///   record stands for both. While the tracer sleeps, held begins stand behind the last record (`flushBegins`), so that the
///   file tells at any time who is inside a call.
/// - Calls that change nothing and repeat are folded: the record of a run is updated in place.
public final class TraceWriter {
  /// Events in the file so far.
  public private(set) var events: UInt64 = 0
  /// How large the file is so far, in bytes, without what is allocated and not used.
  public var size: UInt64 { file.size }
  /// Events that could not be written since the disk is full.
  public private(set) var lost: UInt64 = 0

  let file: ChunkFile
  /// What the next record is told against.
  var position = Position()
  /// Calls' bodies that stand in the open chunk.
  private var bodies = CallBodies()
  /// Counts the chunks.
  private(set) var chunk: UInt64 = 0
  /// Counts what ends all runs.
  private var epoch: UInt64 = 0
  var threads = WriterThreads()
  /// Where the begins stand that a sleeping tracer leaves behind the last record; they are taken back before the next.
  var tail: Position?
  /// The begin that acts at once and is the last record: its end takes it back.
  private var openBegin: (thread: ThreadID, before: Position)?
  /// The fields of a record behind its head, and the record.
  private var body = ByteWriter()
  private var record = ByteWriter()
  private var strings: [[UInt8]: StringID] = [:]
  private var stringCount = 1
  /// The text before, of the same chunk: the next is told by what it has other than this.
  private var lastText: [UInt8] = []

  /// Where a record begins, and all that its encoding depends on.
  struct Position {
    var length = 0
    var events: UInt64 = 0
    /// In ticks, as all times here.
    var time: UInt64 = 0
    /// The thread of the event before, in the same chunk.
    var thread: ThreadID?
    var bodies = 0
  }

  /// More than any event's head and a run's numbers take.
  private static let longestHead = 80

  public var path: String { file.path }
  /// Why nothing more is written: the errno of growing the file.
  public var failure: Int32? { file.failure }

  private let folds: Bool

  /// Makes the file, mode 0600, and writes its header. `folds`: whether repeated calls become runs.
  public init(path: String, header: TraceHeader, folds: Bool = true) throws(TraceError) {
    file = try ChunkFile(path: path, header: header)
    self.folds = folds
  }

  // MARK: Definitions

  /// The text's id; defines it in the file at its first use.
  public func intern(_ text: [UInt8]) -> StringID {
    let text = text.count > TraceFormat.longestString ? Array(text[..<TraceFormat.longestString]) : text
    if text.isEmpty { return .empty }
    if let known = strings[text] { return known }
    // A bound on memory: a text that comes back after that many others is defined again under a new id.
    if strings.count >= 65536 { strings.removeAll(keepingCapacity: true) }
    let id = StringID(stringCount)
    stringCount += 1
    strings[text] = id
    guard failure == nil, prepare(text.count) else { return id }
    let shared = zip(text, lastText).prefix { $0 == $1 }.count
    record.clear()
    record.string(id, text[shared...], shared: shared)
    appendDefinition()
    lastText = text
    return id
  }

  public func define(_ id: ThreadID, _ thread: ThreadRecord) {
    guard failure == nil, prepare(0) else { return }
    record.clear()
    record.thread(id, thread)
    appendDefinition()
  }

  private func appendDefinition() {
    file.append(record.bytes)
    position.length = file.length
  }

  // MARK: Events

  /// Writes one event; its variable parts are in `arena`. Events come in the order of `Event.time`. True if it went into a
  /// run, and so cost nothing.
  @discardableResult
  public func write(_ event: Event, arena: borrowing Arena) -> Bool {
    guard failure == nil else {
      // A begin that is lost comes again with its end.
      if event.phase != .begin { lost += 1 }
      return false
    }
    var event = event
    event.entered /= TraceFormat.tick
    event.exited /= TraceFormat.tick
    body.clear()
    guard case .call(let syscall, let result, let operation) = event.body else {
      body.fields(event, arena: arena)
      if !event.isNeutral { disturb() }
      append(event, .of(event))
      if case .end = event.body { threads.remove(event.thread) }
      return false
    }
    body.call(syscall, operation, arena: arena)
    if event.phase == .begin {
      begin(event, operation)
      return false
    }
    return returned(event, operation, result)
  }

  private func begin(_ event: Event, _ operation: Operation) {
    let slot = threads.slot(of: event.thread)
    if let slot, threads[slot].holdsBegin { settle(slot) }
    if let slot, !operation.actsAtBegin {
      threads.hold(slot, entered: event.entered, body: body.bytes)
      return
    }
    disturb()
    retractTail()
    let before = (position, chunk)
    append(event, .callBegin)
    guard let slot, failure == nil else { return }
    threads[slot].begun = (event.entered, chunk)
    if chunk == before.1 { openBegin = (event.thread, before.0) }
  }

  private func returned(_ event: Event, _ operation: Operation, _ result: CallResult) -> Bool {
    var phase = event.phase
    let slot = threads.slot(of: event.thread)
    if let slot, threads[slot].holdsBegin {
      if phase == .end {
        phase = .whole
        if threads.release(slot) { retractTail() }
      } else {
        settle(slot)
      }
    } else if phase == .end, let begin = openBegin, begin.thread == event.thread {
      retractTail()
      phase = .whole
      retract(to: begin.before)
      if let slot { threads[slot].begun = nil }
    }
    let isNeutral = operation.isNeutral(result)
    if !isNeutral { disturb() }
    guard isNeutral, let slot else {
      append(event, kind(phase, of: event, slot), result: result)
      return false
    }
    let isSingle = phase == .whole && event.repeats == 1
    threads[slot].repetition.enter(epoch)
    if !isSingle { threads[slot].repetition.forget() }
    if isSingle, folds, fold(event, result, slot) { return true }
    let number = append(event, kind(phase, of: event, slot), result: result)
    if isSingle, let number {
      threads[slot].repetition.enter(epoch)
      threads[slot].repetition.note(
        RepeatedCall(body: Int32(number), result: result.rawValue), took: event.exited - event.entered)
    }
    return false
  }

  /// A begin in the same chunk has told the entry already.
  private func kind(_ phase: Event.Phase, of event: Event, _ slot: Int?) -> RecordKind {
    guard phase == .end else { return .callWhole }
    guard let slot, let begun = threads[slot].begun, begun.entered == event.entered, begun.chunk == chunk,
      event.thread.position < TraceFormat.mostBegun, hasRoom(body.bytes.count + Self.longestHead)
    else { return .callEnd }
    return .callReturn
  }

  /// Something happens that begins may matter for: they are written for good, and no run goes on beyond it.
  private func disturb() {
    epoch &+= 1
    guard threads.holdsBegins else { return }
    retractTail()
    // `body` is that of the event to come.
    swap(&body, &threads.spare)
    for slot in threads.takeHeld() { writeBegin(slot) }
    swap(&body, &threads.spare)
  }

  /// Writes the held begin of one thread for good.
  private func settle(_ slot: Int) {
    if threads.release(slot) { retractTail() }
    swap(&body, &threads.spare)
    writeBegin(slot)
    swap(&body, &threads.spare)
  }

  private func writeBegin(_ slot: Int) {
    body.clear()
    body.bytes.append(contentsOf: threads[slot].beginBody)
    let entered = threads[slot].beginEntered
    append(begin: threads[slot].thread, entered)
    threads[slot].begun = (entered, chunk)
    threads[slot].repetition.forget()
  }

  /// Puts the begins that are held behind the last record, until the next one is written. To be called before the tracer sleeps.
  public func flushBegins() {
    guard failure == nil, threads.holdsBegins else { return }
    if tail == nil {
      for slot in threads.takeLasting() { writeBegin(slot) }
      tail = position
    }
    while let slot = threads.nextUntold() {
      body.clear()
      body.bytes.append(contentsOf: threads[slot].beginBody)
      guard hasRoom(body.bytes.count + Self.longestHead) else {
        // Into the next chunk, all of them.
        retractTail()
        guard prepare(TraceFormat.chunkCapacity / 2) else { return }
        // So many that they fill chunks are not told again and again.
        guard threads.heldBytes + threads.heldCount * Self.longestHead < TraceFormat.chunkCapacity / 2 else {
          for slot in threads.takeHeld() { writeBegin(slot) }
          return
        }
        tail = position
        continue
      }
      threads.tell(slot)
      encode(.callBegin, threads[slot].thread, threads[slot].beginEntered, duration: nil, result: nil)
    }
  }

  private func append(begin thread: ThreadID, _ entered: UInt64) {
    guard prepare(body.bytes.count, time: entered) else { return }
    encode(.callBegin, thread, entered, duration: nil, result: nil)
  }

  // MARK: Records

  private func hasRoom(_ count: Int) -> Bool { count <= file.room }

  /// Makes the open chunk one that has room for `count` bytes of body, and its last record one for good. False if there can be none.
  private func prepare(_ count: Int, time: UInt64? = nil) -> Bool {
    retractTail()
    openBegin = nil
    if !hasRoom(count + Self.longestHead) {
      guard count + Self.longestHead <= TraceFormat.chunkCapacity else { return false }
      file.turn(events: events)
      chunk += 1
      epoch &+= 1
      bodies.removeAll()
      lastText.removeAll(keepingCapacity: true)
      position = Position(length: 0, events: events, time: time ?? position.time, thread: nil, bodies: 0)
      guard failure == nil else { return false }
      file.begin(at: position.time * TraceFormat.tick)
    } else if events == 0, position.length == 0, let time {
      position.time = time
      file.begin(at: time * TraceFormat.tick)
    }
    return true
  }

  /// Appends the event whose fields are in `body`. The number of a call's body.
  @discardableResult
  private func append(_ event: Event, _ kind: RecordKind, result: CallResult? = nil) -> Int? {
    guard prepare(body.bytes.count, time: event.time) else {
      if event.phase != .begin { lost += 1 }
      return nil
    }
    let isRun = event.repeats > 1 && kind == .callWhole
    let time = isRun ? event.exited - event.span / TraceFormat.tick : event.time
    let duration = kind == .callWhole || kind == .callEnd ? time &- event.entered : nil
    return encode(kind, event.thread, time, duration: duration, result: result, run: isRun ? event : nil)
  }

  @discardableResult
  private func encode(
    _ kind: RecordKind, _ thread: ThreadID, _ time: UInt64, duration: UInt64?, result: CallResult?, run: Event? = nil
  ) -> Int? {
    record.clear()
    let found = kind.isCall ? bodies.find(body.bytes, in: UnsafeRawPointer(file.body)) : (number: nil, hash: 0)
    let flags = (found.number != nil ? RecordKind.knownBody : 0) | (run != nil ? RecordKind.repeated : 0)
    head(kind.rawValue | flags, thread)
    record.signed(Int64(bitPattern: time &- position.time))
    if let duration { record.unsigned(duration) }
    var number = found.number
    if let number {
      record.unsigned(UInt64(number))
    } else {
      if kind.isCall {
        number = bodies.count
        bodies.add(hash: found.hash, offset: position.length + record.bytes.count, length: body.bytes.count)
      }
      record.bytes.append(contentsOf: body.bytes)
    }
    if let result { record.signed(result.rawValue) }
    if let run {
      record.byte(run.cycle)
      record.unsigned(run.repeats)
      record.unsigned(run.span / TraceFormat.tick)
      record.unsigned(run.inside / TraceFormat.tick)
    } else {
      position.time = time
    }
    commit(thread, events: 1)
    file.note((run?.exited ?? time) * TraceFormat.tick)
    return number
  }

  private func head(_ tag: UInt8, _ thread: ThreadID) {
    if thread == position.thread {
      record.byte(tag | RecordKind.sameThread)
    } else {
      record.byte(tag)
      record.unsigned(thread.index)
    }
  }

  private func commit(_ thread: ThreadID, events added: UInt64) {
    file.append(record.bytes)
    events += added
    position.length = file.length
    position.events = events
    position.thread = thread
    position.bodies = bodies.count
  }

  private func retractTail() {
    guard let start = tail else { return }
    tail = nil
    threads.untell()
    retract(to: start)
  }

  private func retract(to start: Position) {
    file.truncate(to: start.length)
    bodies.truncate(to: start.bodies)
    events = start.events
    position = start
  }

  // MARK: Runs

  /// Folds the call whose body is in `body` into its thread's run, or begins one.
  private func fold(_ event: Event, _ result: CallResult, _ slot: Int) -> Bool {
    guard let number = bodies.find(body.bytes, in: UnsafeRawPointer(file.body)).number else {
      if threads[slot].repetition.run != nil { threads[slot].repetition.forget() }
      return false
    }
    let call = RepeatedCall(body: Int32(number), result: result.rawValue)
    let took = event.exited - event.entered
    if let run = threads[slot].repetition.run {
      guard run.continues(with: call, exited: event.exited, took: took) else {
        threads[slot].repetition.forget()
        return false
      }
      threads[slot].repetition.run!.add(event, to: file)
      file.note(event.exited * TraceFormat.tick)
      return true
    }
    let length = threads[slot].repetition.cycle(with: call, took: took)
    guard length > 0 else { return false }
    retractTail()
    guard hasRoom(length * Self.longestHead) else { return false }
    openBegin = nil
    threads[slot].repetition.run = begin(
      threads[slot].repetition.round(of: length), event)
    return true
  }

  /// Writes the records of a run: the first call's with what is known of it, the others' with nothing yet.
  private func begin(_ calls: [RepeatedCall], _ event: Event) -> Run {
    var run = Run(parts: [], base: position.time)
    record.clear()
    for (place, call) in calls.enumerated() {
      head(RecordKind.callWhole.rawValue | RecordKind.knownBody | RecordKind.repeated, event.thread)
      position.thread = event.thread
      var part = Run.Part(call: call, countOffset: 0)
      if place == 0 {
        part.repeats = 1
        part.first = event.exited
        part.inside = event.exited - event.entered
        record.signed(Int64(bitPattern: event.exited &- position.time))
        record.unsigned(part.inside)
      } else {
        part.timeOffset = position.length + record.bytes.count
        record.padded(0)
        record.padded(0)
      }
      record.unsigned(UInt64(call.body))
      record.signed(call.result)
      record.byte(UInt8(calls.count))
      part.countOffset = position.length + record.bytes.count
      record.padded(UInt64(part.repeats))
      record.padded(0)
      record.padded(part.inside)
      run.parts.append(part)
    }
    run.next = calls.count > 1 ? 1 : 0
    commit(event.thread, events: UInt64(calls.count))
    file.note(event.exited * TraceFormat.tick)
    return run
  }

  /// Seals the file and writes its index. Without this the file is readable, and known to be incomplete.
  public func finish() throws(TraceError) {
    if failure == nil {
      disturb()
      retractTail()
    }
    try file.finish(events: events)
  }
}

extension Run {
  /// Counts another call, in the file as well. Whoever reads between two of the stores finds the call half told, at worst.
  fileprivate mutating func add(_ event: Event, to file: ChunkFile) {
    let took = event.exited - event.entered
    if parts[next].repeats == 0 {
      let difference = Int64(bitPattern: event.exited &- base)
      parts[next].first = event.exited
      file.replace(at: parts[next].timeOffset, with: ByteWriter.zigzag(difference))
      file.replace(at: parts[next].timeOffset + ByteWriter.paddedSize, with: took)
    }
    parts[next].repeats += 1
    parts[next].inside += took
    let offset = parts[next].countOffset
    file.replace(at: offset + ByteWriter.paddedSize, with: event.exited - parts[next].first)
    file.replace(at: offset + 2 * ByteWriter.paddedSize, with: parts[next].inside)
    file.replace(at: offset, with: UInt64(parts[next].repeats))
    next = next + 1 < parts.count ? next + 1 : 0
  }
}
