// Birth, exec and death; signals and handlers.

import Trace

extension World {
  /// A thread is born. Its table is bound now: in the order of events this is between the fork's entry and its return.
  mutating func begin(_ id: ThreadID, _ start: Start, at time: Nanoseconds, tables: TraceTables) {
    guard let record = tables.thread(id), thread(id) == nil else { return }
    let parent = thread(start.parent)
    let table: Int
    // Of a parent that is gone nothing is left to be shared or copied.
    if let parent, parent.isAlive, start.sharesFiles {
      table = parent.table
      self.tables[table].users += 1
    } else {
      table = makeTable()
    }
    addThread(
      ThreadState(
        id: id, tid: record.tid, process: record.process, parent: start.parent, table: table, started: time,
        name: parent?.name ?? .empty))
    if let known = process(record.process) {
      members[known.id.position]!.append(id)
    } else {
      beginProcess(record, leader: id, parent: parent, start, at: time)
    }
    if let parent, parent.isAlive, !start.sharesFiles {
      copyTable(from: parent.table, to: table, process: record.process, by: start.parent, at: time)
    }
  }

  private mutating func beginProcess(
    _ record: ThreadRecord, leader: ThreadID, parent: ThreadState?, _ start: Start, at time: Nanoseconds
  ) {
    let table: HandlerTable
    if let parent, let process = process(parent.process) {
      if start.sharesHandlers {
        handlers[process.handlers].users += 1
        addProcess(record, leader: leader, parent: parent, handlers: process.handlers, start, at: time)
        return
      }
      table = handlers[process.handlers]
    } else {
      table = HandlerTable(owner: record.process)
    }
    let slot = addHandlers(table)
    addProcess(record, leader: leader, parent: parent, handlers: slot, start, at: time)
  }

  private mutating func addProcess(
    _ record: ThreadRecord, leader: ThreadID, parent: ThreadState?, handlers: Int, _ start: Start,
    at time: Nanoseconds
  ) {
    var state = ProcessState(
      id: record.process, pid: record.pid, generation: record.generation, parent: parent?.process,
      forkedBy: start.parent, started: time, handlers: handlers)
    if let parent, let origin = process(parent.process) {
      state.arguments = origin.arguments
      state.path = origin.path
      state.usesRing = false
    }
    let place = record.process.position
    processCount = max(processCount, place + 1)
    processes[place] = state
    members[place] = [leader]
    sights[place] = parent.flatMap { sights[$0.process.position] } ?? Sight()
    if let parent, !keepsDead { processes[parent.process.position]?.keptChildren += 1 }
    living.insert(record.process, at: living.lastIndex { $0 < record.process }.map { $0 + 1 } ?? 0)
    if root == nil { root = record.process }
  }

  private mutating func keep(_ argv: ArraySlice<Int32>) -> ArenaRange {
    let offset = arguments.count
    for word in argv { arguments.append(StringID(Int(word))) }
    return ArenaRange(offset: offset, count: argv.count)
  }

  /// A thread that was there before the trace.
  mutating func begin(
    _ id: ThreadID, _ found: ExistingThread, at time: Nanoseconds, arena: Arena, tables: TraceTables
  ) {
    guard let record = tables.thread(id), thread(id) == nil else { return }
    // Not the thread itself: nobody is their own parent.
    let parent = thread(found.parent)
    let sibling = threads(of: record.process).first.flatMap { thread($0) } ?? thread(found.files)
    let table = sibling?.table ?? makeTable()
    if sibling != nil { self.tables[table].users += 1 }
    addThread(
      ThreadState(
        id: id, tid: record.tid, process: record.process, parent: found.parent, table: table, started: time,
        predates: true))
    if let known = process(record.process) {
      members[known.id.position]!.append(id)
      return
    }
    addProcess(
      record, leader: id, parent: parent, handlers: addHandlers(HandlerTable(owner: record.process)),
      Start(parent: found.parent, flags: 0), at: time)
    processes[record.process.position]!.predates = true
    processes[record.process.position]!.hasExeced = found.execed
    processes[record.process.position]!.path = found.path
    processes[record.process.position]!.arguments = keep(arena.numbers(found.arguments))
  }

  /// Which signals the process caught and ignored before the trace. Whose decision that was is mostly not known: then it counts as its own.
  mutating func noteHandlers(caught: UInt64, ignored: UInt64, by installer: ThreadID, of id: ThreadID) {
    guard let process = thread(id).flatMap({ process($0.process) }) else { return }
    for signal in Int32(1)...64 {
      let bit = UInt64(1) << (signal - 1)
      guard (caught | ignored) & bit != 0 else { continue }
      handlers[process.handlers][signal] = HandlerTable.Entry(
        disposition: SignalDisposition(action: caught & bit != 0 ? .handler : .ignore, handler: 0, flags: 0),
        installer: processID(of: installer) ?? process.id)
    }
  }

  private mutating func addHandlers(_ table: HandlerTable) -> Int {
    var table = table
    table.users = 1
    if let free = freeHandlers.popLast() {
      handlers[free] = table
      return free
    }
    handlers.append(table)
    return handlers.count - 1
  }

  private mutating func makeTable() -> Int {
    if let free = freeTables.popLast() {
      tables[free] = FDTable()
      tables[free].users = 1
      return free
    }
    var table = FDTable()
    table.users = 1
    tables.append(table)
    return tables.count - 1
  }

  private mutating func copyTable(from source: Int, to target: Int, process: ProcessID, by: ThreadID, at: Nanoseconds) {
    var copy = tables[source]
    copy.users = tables[target].users
    copy.changeOpen { fd, descriptor in
      files[Int(descriptor.file)].references += 1
      descriptor.how = .inherited
      descriptor.since = at
      descriptor.by = by
      note(
        descriptor.file,
        LineageStep(kind: .acquired(.inherited), process: process, fd: fd, thread: by, time: at, from: fd))
    }
    tables[target] = copy
  }

  /// unshare(CLONE_FILES), and exec's private copy.
  mutating func unshareTable(of id: ThreadID) {
    guard let state = thread(id), tables[state.table].users > 1 else { return }
    let copy = makeTable()
    tables[copy] = tables[state.table]
    tables[copy].users = 1
    for (_, descriptor) in tables[copy].open { files[Int(descriptor.file)].references += 1 }
    tables[state.table].users -= 1
    threads[id.position]!.table = copy
  }

  /// A successful exec: a table of its own, without the close-on-exec descriptors, and no handlers.
  mutating func exec(_ exec: Exec, by id: ThreadID, at time: Nanoseconds, arena: Arena) {
    if let caller = thread(exec.caller), exec.caller != id, let leader = thread(id) {
      // The caller lives on under the leader's number, with its own table.
      if leader.isAlive { dropTable(leader.table, process: leader.process, by: id, at: time) }
      threads[id.position]!.ended = nil
      takeUp(id)
      threads[id.position]!.table = caller.table
      threads[id.position]!.name = caller.name
      tables[caller.table].users += 1
      end(exec.caller, at: time)
    }
    unshareTable(of: id)
    guard let state = thread(id), let process = process(state.process) else { return }
    for other in threads(of: process.id) where other != id { end(other, at: time) }
    for (fd, descriptor) in tables[state.table].open where descriptor.closeOnExec {
      release(fd, by: id, at: time, .closedByExec)
    }
    var fresh = handlers[process.handlers]
    for place in fresh.entries.indices where fresh.entries[place].disposition.action == .handler {
      fresh.entries[place] = HandlerTable.Entry(installer: process.id)
    }
    if handlers[process.handlers].users > 1 {
      handlers[process.handlers].users -= 1
      processes[process.id.position]!.handlers = addHandlers(fresh)
    } else {
      fresh.users = 1
      handlers[process.handlers] = fresh
    }
    processes[process.id.position]!.hasExeced = true
    processes[process.id.position]!.lastExec = time
    processes[process.id.position]!.path = exec.path
    processes[process.id.position]!.givenName = .empty
    threads[id.position]!.givenName = .empty
    processes[process.id.position]!.arguments = keep(arena.numbers(exec.arguments))
    members[process.id.position] = [id]
    processes[process.id.position]!.usesRing = false
    let slot = workSlot(of: id)
    if slot >= 0 {
      work[slot].frames.removeAll(keepingCapacity: true)
      work[slot].returnedFrame = nil
    }
  }

  /// A thread ends; with the last one its process does.
  mutating func finish(_ id: ThreadID, status: Int32, at time: Nanoseconds) {
    guard let state = thread(id), state.isAlive else { return }
    end(id, at: time)
    guard let process = process(state.process), process.isAlive else { return }
    if threads(of: process.id).allSatisfy({ thread($0)?.isAlive != true }) {
      processes[process.id.position]!.ended = time
      processes[process.id.position]!.status = status
      if keepsDead { members[process.id.position] = [] }
      if let place = living.firstIndex(of: process.id) { living.remove(at: place) }
      handlers[process.handlers].users -= 1
      if handlers[process.handlers].users == 0 { freeHandlers.append(process.handlers) }
      if !keepsDead {
        departed.append(process.id)
        forgetDeparted()
      }
    } else if state.tid == process.pid {
      processes[process.id.position]!.status = status
    }
  }

  private mutating func forgetDeparted() {
    while let first = departed.first, isToBeForgotten(first) {
      departed.removeFirst()
      forget(first)
    }
  }

  private func isToBeForgotten(_ id: ProcessID) -> Bool {
    process(id)?.ended.map { $0 + Self.mourning <= now } ?? true
  }

  /// A process has ended, or a child of one that had: of what nobody is descended from that lives, nothing is kept. Ancestors are: by
  /// them it is known who shares what by inheritance, and who held a lock at a fork.
  private mutating func forget(_ id: ProcessID) {
    var next = process(id)
    while let process = next, !process.isAlive, process.keptChildren == 0, isToBeForgotten(process.id) {
      for thread in members[process.id.position] ?? [] {
        threads.forget(thread.position)
        forgotten.append(thread)
      }
      members.forget(process.id.position)
      sights.forget(process.id.position)
      processes.forget(process.id.position)
      guard let parent = process.parent, processes[parent.position] != nil else { return }
      processes[parent.position]!.keptChildren -= 1
      next = processes[parent.position]
    }
  }

  /// The threads that were forgotten since this was last asked.
  public mutating func takeForgotten() -> [ThreadID] {
    defer { forgotten.removeAll(keepingCapacity: true) }
    return forgotten
  }

  public var hasForgotten: Bool { !forgotten.isEmpty }

  private mutating func end(_ id: ThreadID, at time: Nanoseconds) {
    guard let state = thread(id), state.isAlive else { return }
    if let call = openCall(of: id) {
      noteUnfinished(id, until: time)
      var left = AbandonedCall(
        thread: id, slot: state.slot, since: call.since, syscall: call.syscall,
        place: openPlace(of: id)
          ?? CallPlace(
            syscall: call.syscall, fd: -1, kind: nil, others: 0))
      left.stack = call.stack
      abandoned.append(left)
      switch call.operation {
      case .transfer(let transfer) where transfer.direction == .output:
        endWrite(to: descriptor(transfer.fd, of: id).file, by: id)
      case .move(_, let to, _, _): endWrite(to: descriptor(to, of: id).file, by: id)
      default: break
      }
    }
    threads[id.position]!.ended = time
    layDown(id)
    dropTable(state.table, process: state.process, by: id, at: time)
  }

  private mutating func dropTable(_ table: Int, process: ProcessID, by id: ThreadID, at time: Nanoseconds) {
    tables[table].users -= 1
    guard tables[table].users == 0 else { return }
    for (fd, _) in tables[table].open {
      release(fd, table: table, process: process, by: id, at: time, .closedByExit)
    }
    tables[table] = FDTable()
    freeTables.append(table)
  }

  /// A signal arrives. If a handler is installed, its frame begins.
  mutating func deliver(_ delivery: SignalDelivery, to event: Event) {
    let slot = workSlot(of: event.thread)
    guard slot >= 0, let process = processID(of: event.thread), let handler = handler(of: delivery.number, in: process),
      handler.disposition.action == .handler
    else { return }
    work[slot].frames.append(
      HandlerFrame(
        signal: delivery.number, inherited: handler.installer != process, installer: handler.installer,
        entered: event.time, event: event.sequence))
  }

  /// Processor time since the thread's birth, or since the trace began if it was there before.
  mutating func noteUsage(_ running: UInt64, _ waiting: UInt64, of id: ThreadID) {
    let slot = workSlot(of: id)
    guard slot >= 0 else { return }
    if threads[id.position]!.predates, work[slot].usageBefore == nil { work[slot].usageBefore = (running, waiting) }
    let before = work[slot].usageBefore ?? (0, 0)
    threads[id.position]!.isUsageKnown = true
    threads[id.position]!.running = running - min(running, before.running)
    threads[id.position]!.waiting = waiting - min(waiting, before.waiting)
  }
}
