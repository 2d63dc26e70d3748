// Events into records: what is told of each depends on what stands in the chunk already. Which begins are held back,
// and what is folded into what (RecordWriter+Runs).

/// What TraceWriter does, as one value: its parts are touched many times for each event.
struct RecordWriter: ~Copyable {
  var file: ChunkFile
  private let folds: Bool
  private(set) var lost: UInt64 = 0
  /// What the next record is told against.
  var position = Position()
  /// Calls' bodies that stand in the open chunk.
  var bodies = CallBodies()
  /// Counts the chunks, and what ends all runs.
  private var chunk: UInt64 = 0
  private var epoch: UInt64 = 0
  var threads = WriterThreads()
  /// Where the begins stand that a sleeping tracer leaves behind the last record; they are taken back before the next.
  private var tail: Position?
  /// The begin that acts at once and is the last record: its end takes it back.
  var openBegin: (thread: ThreadID, before: Position)?
  /// The fields of a record behind its head, and the record.
  var body = ByteWriter()
  var record = ByteWriter()
  private var strings: [[UInt8]: StringID] = [:]
  private var stringCount = 1
  /// The text before, of the same chunk: the next is told by what it has other than this.
  private var lastText: [UInt8] = []

  /// Where a record begins, and all that its encoding depends on.
  struct Position {
    var length = 0
    /// Events in the file before it.
    var events: UInt64 = 0
    /// In ticks, as all times here.
    var time: UInt64 = 0
    /// The thread of the event before, in the same chunk.
    var thread: ThreadID?
    var bodies = 0
  }

  /// More than any event's head and a run's numbers take.
  static let longestHead = 80

  init(file: consuming ChunkFile, folds: Bool) {
    self.file = file
    self.folds = folds
  }

  // MARK: Definitions

  mutating func intern(_ text: [UInt8]) -> StringID {
    let text = text.count > TraceFormat.longestString ? Array(text[..<TraceFormat.longestString]) : text
    if text.isEmpty { return .empty }
    if let known = strings[text] { return known }
    // A bound on memory: a text that comes back after that many others is defined again under a new id.
    if strings.count >= 16384 { strings.removeAll(keepingCapacity: true) }
    let id = StringID(stringCount)
    stringCount += 1
    strings[text] = id
    guard file.isOpen, prepare(text.count) else { return id }
    let shared = zip(text, lastText).prefix { $0 == $1 }.count
    record.clear()
    record.string(id, text[shared...], shared: shared)
    appendDefinition()
    lastText = text
    return id
  }

  mutating func define(_ id: ThreadID, _ thread: ThreadRecord) {
    guard file.isOpen, prepare(0) else { return }
    record.clear()
    record.thread(id, thread)
    appendDefinition()
  }

  mutating func define(_ definition: StackDefinition) {
    guard file.isOpen, prepare(definition.mostBytes) else { return }
    record.clear()
    record.definition(definition)
    appendDefinition()
  }

  private mutating func appendDefinition() {
    file.append(record.bytes)
    position.length = file.length
  }

  // MARK: Events

  mutating func write(_ event: Event, arena: borrowing Arena) -> Bool {
    guard file.isOpen else {
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
      // The call that it belongs to has a record of its own.
      if case .stack = event.body, let slot = threads.slot(of: event.thread) { threads[slot].repetition.forget() }
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

  private mutating func begin(_ event: Event, _ operation: Operation) {
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
    guard let slot, file.isOpen else { return }
    threads[slot].begun = (event.entered, chunk)
    if chunk == before.1 { openBegin = (event.thread, before.0) }
  }

  private mutating func returned(_ event: Event, _ operation: Operation, _ result: CallResult) -> Bool {
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
        RepeatedCall(body: Int32(number), result: result.rawValue), rested: Self.rested(event))
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
  private mutating func disturb() {
    epoch &+= 1
    guard threads.holdsBegins else { return }
    retractTail()
    // `body` is that of the event to come.
    swap(&body, &threads.spare)
    while let slot = threads.takeHeld() { writeBegin(slot) }
    swap(&body, &threads.spare)
  }

  /// Writes the held begin of one thread for good.
  private mutating func settle(_ slot: Int) {
    if threads.release(slot) { retractTail() }
    swap(&body, &threads.spare)
    writeBegin(slot)
    swap(&body, &threads.spare)
  }

  private mutating func writeBegin(_ slot: Int) {
    body.clear()
    body.bytes.append(contentsOf: threads[slot].beginBody)
    let entered = threads[slot].beginEntered
    append(begin: threads[slot].thread, entered)
    threads[slot].begun = (entered, chunk)
    threads[slot].repetition.forget()
  }

  mutating func flushBegins() {
    guard file.isOpen, threads.holdsBegins else { return }
    if tail == nil {
      while let slot = threads.takeLasting() { writeBegin(slot) }
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
          while let slot = threads.takeHeld() { writeBegin(slot) }
          return
        }
        tail = position
        continue
      }
      threads.tell(slot)
      encode(.callBegin, threads[slot].thread, threads[slot].beginEntered, duration: nil, result: nil)
    }
  }

  private mutating func append(begin thread: ThreadID, _ entered: UInt64) {
    guard prepare(body.bytes.count, time: entered) else { return }
    encode(.callBegin, thread, entered, duration: nil, result: nil)
  }

  // MARK: Records

  /// False, too, once the file is closed to more: a record before may have been the one that it had no room for.
  func hasRoom(_ count: Int) -> Bool { file.isOpen && count <= file.room }

  /// Makes the open chunk one that has room for `count` bytes of body, and its last record one for good. False if there can be none.
  private mutating func prepare(_ count: Int, time: UInt64? = nil) -> Bool {
    guard file.isOpen else { return false }
    retractTail()
    openBegin = nil
    if !hasRoom(count + Self.longestHead) {
      guard count + Self.longestHead <= TraceFormat.chunkCapacity else { return false }
      file.turn(events: position.events)
      chunk += 1
      epoch &+= 1
      bodies.removeAll()
      lastText.removeAll(keepingCapacity: true)
      position = Position(length: 0, events: position.events, time: time ?? position.time, thread: nil, bodies: 0)
      guard file.isOpen else { return false }
      guard hasRoom(count + Self.longestHead) else {
        file.cut(events: position.events)
        return false
      }
      file.begin(at: position.time * TraceFormat.tick)
    } else if position.events == 0, position.length == 0, let time {
      position.time = time
      file.begin(at: time * TraceFormat.tick)
    }
    return true
  }

  /// Appends the event whose fields are in `body`. The number of a call's body.
  @discardableResult
  private mutating func append(_ event: Event, _ kind: RecordKind, result: CallResult? = nil) -> Int? {
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
  private mutating func encode(
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

  mutating func head(_ tag: UInt8, _ thread: ThreadID) {
    if thread == position.thread {
      record.byte(tag | RecordKind.sameThread)
    } else {
      record.byte(tag)
      record.unsigned(thread.index)
    }
  }

  mutating func commit(_ thread: ThreadID, events added: UInt64) {
    file.append(record.bytes)
    position.length = file.length
    position.events += added
    position.thread = thread
    position.bodies = bodies.count
  }

  mutating func retractTail() {
    guard let start = tail else { return }
    tail = nil
    threads.untell()
    retract(to: start)
  }

  private mutating func retract(to start: Position) {
    file.truncate(to: start.length)
    bodies.truncate(to: start.bodies)
    position = start
  }

  mutating func finish() throws(TraceError) {
    if file.isOpen {
      disturb()
      retractTail()
    }
    try file.finish(events: position.events)
  }
}
