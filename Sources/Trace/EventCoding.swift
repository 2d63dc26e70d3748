// What events and definitions hold, as it stands in a record behind the head; how the head is told, TraceWriter and
// ChunkDecoder know.

extension RecordKind {
  /// The kind of an event that is no call.
  static func of(_ event: Event) -> RecordKind {
    switch event.body {
    case .call: .callWhole
    case .start: .start
    case .end: .end
    case .signal: .signal
    case .handlerLeft: .handlerLeft
    case .usage: .usage
    case .existing: .existing
    case .blindSpot: .blindSpot
    case .name: .name
    case .givenName: .givenName
    case .existingThread: .existingThread
    case .missing: .missing
    case .interest: .interest
    case .handlers: .handlers
    case .outsider: .outsider
    case .running: .running
    case .lockedBy: .lockedBy
    case .scope: .scope
    case .armed: .armed
    case .counter: .counter
    case .stack: .stack
    }
  }
}

extension ByteWriter {
  /// What a call asked for.
  mutating func call(_ syscall: Syscall, _ operation: Operation, arena: borrowing Arena) {
    unsigned(UInt64(syscall.number))
    self.operation(operation, arena: arena)
  }

  /// The fields of any other event.
  mutating func fields(_ event: Event, arena: borrowing Arena) {
    switch event.body {
    case .call: break
    case .start(let start):
      unsigned(start.parent.index)
      unsigned(start.flags)
    case .end(let status): signed(status)
    case .signal(let delivery):
      signed(delivery.number)
      signed(delivery.code)
      signed(delivery.sender)
    case .handlerLeft(let signal): signed(signal)
    case .usage(let running, let waiting):
      unsigned(running)
      unsigned(waiting)
    case .existing(let descriptor):
      signed(descriptor.fd)
      byte(descriptor.kind.rawValue)
      unsigned(descriptor.link.index)
      unsigned(descriptor.inode)
      unsigned(descriptor.flags)
      signed(descriptor.sameAs)
      unsigned(descriptor.sameIn.index)
      unsigned(descriptor.waiting)
      byte(descriptor.traits.rawValue)
    case .blindSpot(let spot, let detail):
      byte(spot.rawValue)
      unsigned(detail.index)
    case .name(let name): unsigned(name.index)
    case .givenName(let whose, let name):
      byte(whose.rawValue)
      unsigned(name.index)
    case .existingThread(let thread):
      unsigned(thread.parent.index)
      unsigned(thread.files.index)
      byte(thread.execed ? 1 : 0)
      unsigned(thread.path.index)
      numbers(arena.numbers(thread.arguments))
    case .missing(let fd): signed(fd)
    case .interest(let epoll, let fd, let events, let data):
      signed(epoll)
      signed(fd)
      unsigned(events.rawValue)
      unsigned(data)
    case .handlers(let caught, let ignored, let installer):
      unsigned(caught)
      unsigned(ignored)
      unsigned(installer.index)
    case .outsider(let outsider):
      signed(outsider.pid)
      unsigned(outsider.name.index)
      signed(outsider.fd)
      byte(outsider.kind.rawValue)
      unsigned(outsider.inode)
      unsigned(outsider.flags)
    case .running(let module, let offset):
      unsigned(module.index)
      unsigned(offset)
    case .lockedBy(let tid): signed(tid)
    case .scope(let scope): byte(scope.rawValue)
    case .armed(let calls, let first, let last):
      byte(calls.rawValue)
      signed(first)
      signed(last)
    case .counter(let name, let value):
      unsigned(name.index)
      unsigned(value)
    case .stack(let stack, let isOfCall):
      unsigned(stack.index)
      byte(isOfCall ? 1 : 0)
    }
  }

  /// A text, of which the first `shared` bytes are those of the text before.
  mutating func string(_ id: StringID, _ rest: some Collection<UInt8>, shared: Int) {
    byte(RecordKind.string.rawValue)
    unsigned(id.index)
    unsigned(UInt64(shared))
    text(rest)
  }

  mutating func thread(_ id: ThreadID, _ record: ThreadRecord) {
    byte(RecordKind.thread.rawValue)
    unsigned(id.index)
    signed(record.tid)
    unsigned(record.generation)
    unsigned(record.process.index)
    signed(record.pid)
  }
}

extension ByteReader {
  /// The fields of an event that is no call. `version`: the file's.
  mutating func fields(
    _ kind: RecordKind, version: Int, into arena: inout Arena
  ) throws(TraceError) -> Event.Body {
    switch kind {
    case .string, .thread, .module, .frame, .stackDefinition, .frameName, .callWhole, .callBegin, .callEnd, .callReturn:
      throw .damaged("another record where an event should be")
    case .start: return .start(Start(parent: ThreadID(Int(try unsigned32())), flags: try unsigned()))
    case .end: return .end(status: try signed32())
    case .signal:
      return .signal(SignalDelivery(number: try signed32(), code: try signed32(), sender: try signed32()))
    case .handlerLeft: return .handlerLeft(signal: try signed32())
    case .usage: return .usage(running: try time(), waiting: try time())
    case .existing1, .existing: return .existing(try existing(isFirstForm: kind == .existing1, version))
    case .blindSpot:
      guard let spot = BlindSpot(rawValue: try byte()) else { throw .damaged("an unknown blind spot") }
      return .blindSpot(spot, detail: StringID(Int(try unsigned32())))
    case .name: return .name(StringID(Int(try unsigned32())))
    case .givenName:
      guard let whose = GivenName(rawValue: try byte()) else { throw .damaged("an unknown kind of name") }
      return .givenName(whose, StringID(Int(try unsigned32())))
    case .existingThread:
      return .existingThread(
        ExistingThread(
          parent: ThreadID(Int(try unsigned32())), files: ThreadID(Int(try unsigned32())), execed: try byte() != 0,
          path: StringID(Int(try unsigned32())), arguments: try numbers(into: &arena)))
    case .missing: return .missing(try signed32())
    case .interest:
      return .interest(
        epoll: try signed32(), fd: try signed32(), events: Readiness(rawValue: try unsigned32()), data: try unsigned())
    case .handlers:
      return .handlers(
        caught: try unsigned(), ignored: try unsigned(),
        installer: version < 6 ? .unknown : ThreadID(Int(try unsigned32())))
    case .outsider:
      let pid = try signed32()
      let name = StringID(Int(try unsigned32()))
      let fd = try signed32()
      return .outsider(
        Outsider(
          pid: pid, name: name, fd: fd, kind: try objectKind(), inode: try unsigned(), flags: try unsigned32()))
    case .running: return .running(module: StringID(Int(try unsigned32())), offset: try unsigned())
    case .lockedBy: return .lockedBy(tid: try signed32())
    case .scope:
      guard let scope = Scope(rawValue: try byte()) else { throw .damaged("an unknown scope") }
      return .scope(scope)
    case .armed:
      return .armed(CallFamilies(rawValue: try byte()), first: try signed32(), last: try signed32())
    case .counter: return .counter(name: StringID(Int(try unsigned32())), value: try unsigned())
    case .stack: return .stack(StackID(Int(try unsigned32())), isOfCall: try byte() != 0)
    }
  }

  private mutating func time() throws(TraceError) -> Nanoseconds {
    let time = try unsigned()
    guard time <= TraceFormat.latest else { throw .damaged("a time is out of range") }
    return time
  }

  private mutating func existing(isFirstForm: Bool, _ version: Int) throws(TraceError) -> ExistingDescriptor {
    let fd = try signed32()
    var found = ExistingDescriptor(
      fd: fd, kind: try objectKind(), link: StringID(Int(try unsigned32())), inode: try unsigned(),
      flags: try unsigned32(), sameAs: try signed32())
    if isFirstForm { return found }
    found.sameIn = ThreadID(Int(try unsigned32()))
    found.waiting = try unsigned()
    if version >= 6 { found.traits = FileTraits(rawValue: try byte()) }
    return found
  }

  mutating func threadDefinition() throws(TraceError) -> (ThreadID, ThreadRecord) {
    let id = ThreadID(Int(try unsigned32()))
    let tid = try signed32()
    let generation = try unsigned32()
    let process = ProcessID(Int(try unsigned32()))
    return (id, ThreadRecord(tid: tid, generation: generation, process: process, pid: try signed32()))
  }
}
