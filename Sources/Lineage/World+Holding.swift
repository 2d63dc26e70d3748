// Who holds what: the processes that have descriptors of a channel, and by which numbers.

import Trace

extension World {
  public func process(_ id: ProcessID) -> ProcessState? {
    processes[id.position]
  }

  public func process(of id: ThreadID) -> ProcessState? { processID(of: id).flatMap { process($0) } }

  public func parent(of id: ProcessID) -> ProcessID? {
    processes[id.position]?.parent
  }

  /// The threads of a living process.
  public func threads(of id: ProcessID) -> [ThreadID] {
    members[id.position] ?? []
  }

  /// argv of the process's last exec, or its parent's.
  public func arguments(of id: ProcessID) -> ArraySlice<StringID> {
    arguments[(process(id)?.arguments ?? .empty).indices]
  }

  /// Whether the process was forked and has not called exec since: what it has it inherited, handlers and all.
  @inlinable public func isHeir(_ id: ProcessID) -> Bool {
    guard let process = processes[id.position] else { return false }
    return process.parent != nil && !process.hasExeced
  }

  /// What the tracer sees of the process.
  public func sight(of id: ProcessID) -> Sight { sights[id.position] ?? Sight() }

  /// Whether the process has not had other arguments since its parent forked it, nor has the parent.
  public func hasArguments(of parent: ProcessID, _ id: ProcessID) -> Bool {
    process(parent)?.arguments == process(id)?.arguments
  }

  public func started(_ id: ProcessID) -> Nanoseconds {
    processes[id.position]?.started ?? 0
  }

  /// Whether the process was there before the trace.
  public func predates(_ id: ProcessID) -> Bool {
    processes[id.position]?.predates == true
  }

  /// Whether the process does I/O that makes no system calls.
  public func usesRing(_ id: ProcessID) -> Bool {
    processes[id.position]?.usesRing == true
  }

  /// The slot of a living process's table: that of any of its living threads.
  func tableSlot(of id: ProcessID) -> Int? {
    for thread in members[id.position] ?? [] {
      if let state = self.thread(thread), state.isAlive { return state.table }
    }
    return nil
  }

  /// The table of a process: that of any living thread.
  public func table(of id: ProcessID) -> FDTable? { tableSlot(of: id).map { tables[$0] } }

  /// The processes that hold a descriptor of the channel, with the numbers and ends.
  public func holders(of channel: Int32) -> [Holder] {
    var found: [Holder] = []
    var seen = Set<Int>()
    for process in living {
      guard let table = tableSlot(of: process), seen.insert(table).inserted else { continue }
      eachNumber(of: channel, in: table) { fd, side, isNonblocking in
        found.append(Holder(process: process, fd: fd, side: side, isNonblocking: isNonblocking))
        return true
      }
    }
    return found
  }

  /// The numbers by which a table knows the channel, ascending, with side and O_NONBLOCK, until `body` says that it has
  /// seen enough.
  private func eachNumber(of channel: Int32, in table: Int, _ body: (FD, Side, Bool) -> Bool) {
    tables[table].each { fd, descriptor in
      let file = Int(descriptor.file)
      guard file >= 0, files[file].channel == channel else { return true }
      return body(fd, files[file].side, files[file].nonblocking)
    }
  }

  /// Whether the process has a descriptor of the channel.
  public func holds(_ id: ProcessID, _ channel: Int32) -> Bool {
    guard let table = tableSlot(of: id) else { return false }
    var found = false
    eachNumber(of: channel, in: table) { _, _, _ in
      found = true
      return false
    }
    return found
  }

  /// The number by which `process` can read what a reader at `side` reads.
  public func readingNumber(of slot: Int32, at side: Side, in process: ProcessID) -> FD? {
    guard slot >= 0, let table = tableSlot(of: process) else { return nil }
    let isPair = channels[Int(slot)].kind == .socketpair
    var number: FD?
    eachNumber(of: slot, in: table) { fd, held, _ in
      guard held != .write, !isPair || held == side else { return true }
      number = fd
      return false
    }
    return number
  }

  /// Whether the process came to the channel by fork alone: it has not called exec since, and others made the channel
  /// before it was born.
  public func isForeign(_ slot: Int32, to id: ProcessID) -> Bool {
    guard slot >= 0, isHeir(id), let parent = parent(of: id) else { return false }
    let channel = Int(slot)
    if channels[channel].predates, predates(id) {
      // Who made it was not seen. That the parent has it too, after a fork without exec, says who.
      return holds(parent, slot)
    }
    guard let creator = processID(of: channels[channel].creator) else {
      // Whoever it was, it was not this one, if there was anybody: that has been forgotten.
      return channels[channel].predates || !keepsDead && channels[channel].created <= started(id)
    }
    return creator != id && channels[channel].created <= started(id)
  }

  /// The processes that have the open file, and by which numbers.
  public func numbers(ofFile slot: Int32) -> [(process: ProcessID, fd: FD)] {
    var found: [(process: ProcessID, fd: FD)] = []
    guard slot >= 0 else { return found }
    for process in living {
      guard let table = tableSlot(of: process) else { continue }
      tables[table].each { fd, descriptor in
        if descriptor.file == slot { found.append((process, fd)) }
        return true
      }
    }
    return found
  }

  /// Whether several processes have the open file.
  public func isShared(_ slot: Int32) -> Bool {
    guard slot >= 0, files[Int(slot)].hasCopies else { return false }
    let holders = numbers(ofFile: slot)
    return holders.contains { $0.process != holders[0].process }
  }
}
