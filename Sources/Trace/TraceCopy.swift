// Events of one source written into a file of their own: ids are given out anew, so that they are dense whatever part of the source it
// holds, and what an id stands for is told before the first event that names it.

/// Copies events into a trace.
public final class TraceCopy {
  public let writer: TraceWriter
  /// What becomes the copy's time 0; what happened earlier happens then.
  private let start: Nanoseconds
  private var texts = Renumbering()
  private var threads = Renumbering()
  private var processes = Renumbering()
  private var modules = Renumbering()
  private var frames = Renumbering()
  private var stacks = Renumbering()
  /// Frames whose names are told.
  private var named: Set<FrameID> = []

  public init(_ writer: TraceWriter, start: Nanoseconds = 0) {
    self.writer = writer
    self.start = start
  }

  public func add(_ batch: EventBatch, tables: TraceTables) {
    for event in batch.events { add(event, arena: batch.arena, tables: tables) }
  }

  /// True if the event went into a run.
  @discardableResult
  public func add(_ event: Event, arena: Arena, tables: TraceTables) -> Bool {
    var copy = event
    copy.entered -= min(copy.entered, start)
    copy.exited -= min(copy.exited, start)
    copy.thread = thread(event.thread, tables)
    copy.body = body(event.body, tables: tables)
    switch copy.body {
    case .call(let syscall, let result, .exec(var exec)):
      var own = Arena()
      exec.arguments = words(exec.arguments, arena, into: &own, tables)
      copy.body = .call(syscall, result, .exec(exec))
      return writer.write(copy, arena: own)
    case .existingThread(var found):
      var own = Arena()
      found.arguments = words(found.arguments, arena, into: &own, tables)
      copy.body = .existingThread(found)
      return writer.write(copy, arena: own)
    default: return writer.write(copy, arena: arena)
    }
  }

  /// Tells the names that the source's own has for frames that the copy has.
  public func addNames(_ tables: TraceTables) {
    for (id, known) in tables.frameNames where frames[id.position] != nil && named.insert(id).inserted {
      let names = known.map { name in
        FrameName(function: text(name.function, tables), file: text(name.file, tables), line: name.line)
      }
      writer.define(.name(FrameID(frames[id.position]!), names))
    }
  }

  /// Seals the file; returns how many events it has.
  public func finish(_ tables: TraceTables) throws(TraceError) -> UInt64 {
    addNames(tables)
    try writer.finish()
    return writer.events
  }

  // MARK: Events

  private func words(_ words: ArenaRange, _ arena: Arena, into own: inout Arena, _ tables: TraceTables) -> ArenaRange {
    own.add(
      numbers: arena.numbers(words).map { Int32(truncatingIfNeeded: text(StringID(Int($0)), tables).index) })
  }

  /// The body with the copy's ids.
  private func body(_ body: Event.Body, tables: TraceTables) -> Event.Body {
    switch body {
    case .call(let syscall, let result, let operation):
      return .call(syscall, result, self.operation(operation, tables))
    case .start(var start):
      start.parent = thread(start.parent, tables)
      return .start(start)
    case .existing(var found):
      found.link = text(found.link, tables)
      found.sameIn = thread(found.sameIn, tables)
      return .existing(found)
    case .blindSpot(let spot, let detail): return .blindSpot(spot, detail: text(detail, tables))
    case .name(let name): return .name(text(name, tables))
    case .givenName(let whose, let name): return .givenName(whose, text(name, tables))
    case .existingThread(var found):
      found.path = text(found.path, tables)
      found.parent = thread(found.parent, tables)
      found.files = thread(found.files, tables)
      return .existingThread(found)
    case .handlers(let caught, let ignored, let installer):
      return .handlers(caught: caught, ignored: ignored, installer: thread(installer, tables))
    case .outsider(var outsider):
      outsider.name = text(outsider.name, tables)
      return .outsider(outsider)
    case .running(let module, let offset): return .running(module: text(module, tables), offset: offset)
    case .counter(let name, let value): return .counter(name: text(name, tables), value: value)
    case .stack(let stack, let isOfCall): return .stack(self.stack(stack, tables), isOfCall: isOfCall)
    case .end, .signal, .handlerLeft, .usage, .missing, .interest, .lockedBy, .scope, .armed: return body
    }
  }

  @inline(__always)
  private func operation(_ operation: Operation, _ tables: TraceTables) -> Operation {
    switch operation {
    case .connect(let fd, let address): return .connect(fd, address: text(address, tables))
    case .bind(let fd, let address): return .bind(fd, address: text(address, tables))
    case .open(let path, let flags, let kind, let inode):
      return .open(path: text(path, tables), flags: flags, kind: kind, inode: inode)
    case .takeDescriptor(let pidfd, let remote, let owner):
      return .takeDescriptor(pidfd: pidfd, remote: remote, owner: thread(owner, tables))
    case .spawn(let flags, let child): return .spawn(flags: flags, child: thread(child, tables))
    case .exec(var exec):
      exec.path = text(exec.path, tables)
      exec.caller = thread(exec.caller, tables)
      return .exec(exec)
    default: return operation
    }
  }

  // MARK: Ids

  private func text(_ id: StringID, _ tables: TraceTables) -> StringID {
    if id == .empty { return id }
    if let known = texts[id.position] { return StringID(known) }
    let own = writer.intern(tables.bytes(id))
    if id.position < tables.strings.count { texts.set(id.position, to: own.position) }
    return own
  }

  /// One that the source has not told of stays what it is: nobody knows it.
  private func thread(_ id: ThreadID, _ tables: TraceTables) -> ThreadID {
    if let known = threads[id.position] { return ThreadID(known) }
    guard var record = tables.thread(id) else { return .unknown }
    record.process = ProcessID(processes[record.process.position] ?? processes.add(record.process.position))
    let own = ThreadID(threads.add(id.position))
    writer.define(own, record)
    return own
  }

  private func module(_ id: ModuleID, _ tables: TraceTables) -> ModuleID {
    if let known = modules[id.position] { return ModuleID(known) }
    guard var record = tables.module(id) else { return .none }
    record.path = text(record.path, tables)
    let own = ModuleID(modules.add(id.position))
    writer.define(.module(own, record))
    return own
  }

  private func frame(_ id: FrameID, _ tables: TraceTables) -> FrameID? {
    if let known = frames[id.position] { return FrameID(known) }
    guard var record = tables.frame(id) else { return nil }
    switch record {
    case .native(let module, let address): record = .native(module: self.module(module, tables), address: address)
    case .python(let function, let file, let line):
      record = .python(function: text(function, tables), file: text(file, tables), line: line)
    }
    let own = FrameID(frames.add(id.position))
    writer.define(.frame(own, record))
    return own
  }

  private func stack(_ id: StackID, _ tables: TraceTables) -> StackID {
    if let known = stacks[id.position] { return StackID(known) }
    guard var record = tables.stack(id) else { return .none }
    record.native = record.native.compactMap { frame($0, tables) }
    record.python = record.python.compactMap { python in
      frame(python.frame, tables).map { StackRecord.PythonFrame(frame: $0, isEntry: python.isEntry) }
    }
    let own = StackID(stacks.add(id.position))
    writer.define(.stack(own, record))
    return own
  }
}

/// The copy's number for each of the source's, in the order in which they were first named.
private struct Renumbering {
  private var places: [Int32] = []
  private(set) var count = 0

  subscript(place: Int) -> Int? { place < places.count && places[place] >= 0 ? Int(places[place]) : nil }

  mutating func add(_ place: Int) -> Int {
    set(place, to: count)
    count += 1
    return count - 1
  }

  mutating func set(_ place: Int, to number: Int) {
    while places.count <= place { places.append(-1) }
    places[place] = Int32(number)
  }
}
