// What stands, told as the beginning of a trace of its own: as an attached trace tells what was there before it, but by the model's word,
// which knows more than /proc shows.

import Trace

extension World {
  /// Events that make of an empty World one that has the living threads, their descriptors, epoll entries, handlers and calls as they are
  /// now; all at `now`, but for calls that began earlier. What passed before is not in them: channels count as older than the trace.
  ///
  /// `intern`: the id of a text.
  public func retold(intern: @escaping ([UInt8]) -> StringID) -> EventBatch {
    var retelling = Retelling(world: self, intern: intern)
    retelling.tell()
    return retelling.batch
  }
}

private struct Retelling {
  let world: World
  let intern: ([UInt8]) -> StringID
  var batch = EventBatch()
  /// By descriptor table, and by process: the thread that was told first.
  private var tableThreads: [Int: ThreadID] = [:]
  private var processThreads: [ProcessID: ThreadID] = [:]
  /// By open file: a number that it was told by.
  private var files: [Int32: (thread: ThreadID, fd: FD)] = [:]

  init(world: World, intern: @escaping ([UInt8]) -> StringID) {
    self.world = world
    self.intern = intern
  }

  mutating func tell() {
    let threads = world.living.map { process in
      (process, world.threads(of: process).filter { world.thread($0)?.isAlive == true })
    }
    for (process, members) in threads { for thread in members { appear(thread, of: process) } }
    for (process, members) in threads {
      guard let first = members.first else { continue }
      describe(process, by: first)
      for thread in members { describeTable(of: thread) }
    }
    for slot in world.files.indices where !world.files[slot].interest.entries.isEmpty { describeInterest(Int32(slot)) }
    if let first = threads.lazy.compactMap({ $0.1.first }).first {
      for outsider in world.outsiders { add(first, .outsider(outsider)) }
    }
    for (_, members) in threads { for thread in members { standInCall(thread) } }
  }

  private mutating func add(_ thread: ThreadID, _ body: Event.Body) {
    batch.events.append(Event(thread: thread, entered: world.now, exited: world.now, body: body))
  }

  private mutating func appear(_ id: ThreadID, of process: ProcessID) {
    guard let thread = world.thread(id), let state = world.process(process) else { return }
    let parent = state.parent.flatMap { processThreads[$0] }
    add(
      id,
      .existingThread(
        ExistingThread(
          parent: parent ?? .unknown,
          files: processThreads[process] == nil ? tableThreads[thread.table] ?? .unknown : .unknown,
          execed: state.hasExeced, path: state.path,
          arguments: batch.arena.add(numbers: world.arguments(of: process).map { Int32(truncatingIfNeeded: $0.index) }))
      ))
    if processThreads[process] == nil {
      processThreads[process] = id
      if state.givenName != .empty { add(id, .givenName(.process, state.givenName)) }
    }
    if tableThreads[thread.table] == nil { tableThreads[thread.table] = id }
    if thread.name != .empty { add(id, .name(thread.name)) }
    if thread.givenName != .empty { add(id, .givenName(.thread, thread.givenName)) }
    let usage = world.usage(of: id)
    if let usage { add(id, .usage(running: usage.running, waiting: usage.waiting)) }
  }

  private mutating func describe(_ process: ProcessID, by thread: ThreadID) {
    let sight = world.sight(of: process)
    if sight.scope != .all { add(thread, .scope(sight.scope)) }
    for range in sight.ranges { add(thread, .armed(range.calls, first: range.first, last: range.last)) }
    for (installer, caught, ignored) in world.signals(of: process) {
      let other = installer == process ? nil : processThreads[installer]
      add(thread, .handlers(caught: caught, ignored: ignored, installer: other ?? .unknown))
    }
    if world.usesRing(process) { add(thread, .blindSpot(.ioUring, detail: intern(Array("it has one".utf8)))) }
  }

  // MARK: Descriptors

  private mutating func describeTable(of id: ThreadID) {
    guard let thread = world.thread(id), tableThreads[thread.table] == id else { return }
    for (fd, descriptor) in world.tables[thread.table].open {
      var found = existing(fd, descriptor)
      if let twin = files[descriptor.file] {
        found.sameAs = twin.fd
        found.sameIn = twin.thread
      } else {
        files[descriptor.file] = (id, fd)
        // There is none.
        found.sameIn = id
      }
      add(id, .existing(found))
    }
  }

  private func existing(_ fd: FD, _ descriptor: Descriptor) -> ExistingDescriptor {
    let file = world.files[Int(descriptor.file)]
    let channel = world.channel(file.channel)
    var flags: UInt32 =
      switch file.side {
      case .read: 0
      case .write: 1
      case .both, .first, .second: 2
      }
    if file.nonblocking { flags |= 0o4000 }
    if descriptor.closeOnExec { flags |= 0o2000000 }
    var traits: FileTraits = []
    if file.side == .second { traits.insert(.second) }
    if file.isConnection { traits.insert(.connection) }
    if file.isAccepted { traits.insert(.accepted) }
    if file.address != .empty, !file.isConnection { traits.insert(.bound) }
    if file.isLocal { traits.insert(.local) }
    if file.isStream { traits.insert(.stream) }
    if channel?.isDatagram == true { traits.insert(.datagram) }
    if channel?.isSemaphore == true { traits.insert(.semaphore) }
    let identity = channel.map { $0.inode != 0 ? $0.inode : ExistingDescriptor.ownIdentity | UInt64($0.serial) }
    var found = ExistingDescriptor(
      fd: fd, kind: file.kind, link: traits.contains(.bound) ? file.address : file.name, inode: identity ?? 0,
      flags: flags, sameAs: -1, waiting: channel.map { $0.incoming(at: file.side).unread } ?? 0)
    found.traits = traits
    return found
  }

  /// Entries by numbers that mean something else by now are left out: only who added them could tell of these.
  private mutating func describeInterest(_ slot: Int32) {
    for entry in world.files[Int(slot)].interest.entries {
      let owners = [entry.by] + tableThreads.values.sorted()
      for thread in owners where world.thread(thread)?.isAlive == true {
        let target = world.descriptor(entry.fd, of: thread).file
        guard target == entry.file, world.files[Int(target)].serial == entry.serial,
          let epoll = world.number(ofFile: slot, in: thread)
        else { continue }
        add(thread, .interest(epoll: epoll, fd: entry.fd, events: entry.events, data: entry.data))
        break
      }
    }
  }

  // MARK: Calls

  private mutating func standInCall(_ thread: ThreadID) {
    guard let call = world.openCall(of: thread) else { return }
    var operation = call.operation
    switch operation {
    case .wait(var wait):
      wait.entries = batch.arena.add(waits: world.openWaits(of: thread))
      operation = .wait(wait)
    case .transfer(var transfer):
      transfer.payload = .empty
      transfer.passed = .empty
      operation = .transfer(transfer)
    case .exec(var exec):
      exec.arguments = .empty
      operation = .exec(exec)
    default: break
    }
    batch.events.append(
      Event(
        thread: thread, phase: .begin, entered: call.since, exited: call.since,
        body: .call(call.syscall, .pending, operation)))
    if call.stack != .none { add(thread, .stack(call.stack, isOfCall: true)) }
    if let holder = world.lockOwner(of: thread) { add(thread, .lockedBy(tid: holder)) }
  }
}

extension World {
  /// Processor time as the tracer last saw it: since the thread's birth.
  fileprivate func usage(of id: ThreadID) -> (running: UInt64, waiting: UInt64)? {
    guard let thread = thread(id), thread.isUsageKnown else { return nil }
    let slot = workSlot(of: id)
    let before = slot >= 0 ? work[slot].usageBefore : nil
    return (thread.running &+ (before?.running ?? 0), thread.waiting &+ (before?.waiting ?? 0))
  }

  /// What the process does with signals, by who decided it: bit N-1 for signal N.
  fileprivate func signals(of id: ProcessID) -> [(installer: ProcessID, caught: UInt64, ignored: UInt64)] {
    guard let process = process(id) else { return [] }
    var found: [ProcessID: (caught: UInt64, ignored: UInt64)] = [:]
    for signal in Int32(1)...64 {
      let entry = handlers[process.handlers][signal]
      let bit = UInt64(1) << (signal - 1)
      switch entry.disposition.action {
      case .handler: found[entry.installer, default: (0, 0)].caught |= bit
      case .ignore: found[entry.installer, default: (0, 0)].ignored |= bit
      case .standard: break
      }
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value.caught, $0.value.ignored) }
  }

  /// The lowest number by which the thread has the open file.
  fileprivate func number(ofFile slot: Int32, in id: ThreadID) -> FD? {
    guard let thread = thread(id) else { return nil }
    return tables[thread.table].open.first { $0.descriptor.file == slot }?.fd
  }
}
