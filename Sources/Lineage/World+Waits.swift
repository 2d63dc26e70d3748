// Waiting: poll, select and epoll, resolved to the open files that the numbers meant.

import Trace

extension World {
  /// Counts a wait set's members as in use by the process.
  mutating func noteWaits(
    _ wait: Wait, by thread: ThreadID, from first: Nanoseconds, to last: Nanoseconds, repeats: UInt64, arena: Arena
  ) {
    guard let state = self.thread(thread) else { return }
    let process = state.process
    if wait.isEpoll {
      let epoll = tables[state.table][wait.epoll].file
      guard epoll >= 0 else { return }
      let company = files[Int(epoll)].interest.entries.count - 1
      // Only what can wake the loop: an interest list may be long, so pipes and their kin alone are counted.
      for entry in files[Int(epoll)].interest.wakeables {
        let target = Int(entry.file)
        guard files[target].serial == entry.serial, files[target].channel >= 0 else { continue }
        note(
          files[target].channel, side: files[target].side, events: entry.events, by: thread, process: process,
          from: first, to: last, repeats: repeats, company: company)
      }
      return
    }
    for entry in arena.waits(wait.entries) where entry.fd >= 0 {
      let file = tables[state.table][entry.fd].file
      guard file >= 0, files[Int(file)].channel >= 0 else { continue }
      note(
        files[Int(file)].channel, side: files[Int(file)].side, events: entry.asked, by: thread, process: process,
        from: first, to: last, repeats: repeats, company: Int(wait.entries.count) - 1)
    }
  }

  @inline(__always)
  private mutating func note(
    _ channel: Int32, side: Side, events: Readiness, by thread: ThreadID, process: ProcessID, from first: Nanoseconds,
    to last: Nanoseconds, repeats: UInt64, company: Int
  ) {
    channels[Int(channel)].withUse(by: process) {
      $0.waits += repeats
      $0.company = company
      if last - min(last, first) >= World.longWait, repeats <= 1 { $0.lastBlock = (first, last) }
      if first < $0.firstWait { $0.firstWait = first }
      if last > $0.lastWait { $0.lastWait = last }
      if events.rawValue & 1 != 0 {
        if last > $0.lastInputUse { $0.lastInputUse = last }
        $0.waitsForInput = true
        $0.lastWaiter = thread
        $0.inputSide = side
      }
    }
  }

  /// A wait has returned: what it found is put into `ready`.
  mutating func returned(_ wait: Wait, _ result: CallResult, _ event: Event, arena: Arena) {
    guard let state = thread(event.thread) else { return }
    effect = Effect(kind: .wait)
    // It waited from its entry on: writes that it saw may stand before it, or behind.
    noteWaits(
      wait, by: event.thread, from: event.entered, to: event.exited, repeats: UInt64(event.repeats), arena: arena)
    guard result.rawValue > 0 else { return }
    if wait.isEpoll {
      let epoll = descriptor(wait.epoll, of: event.thread).file
      guard epoll >= 0 else { return }
      effect.file = epoll
      effect.channel = files[Int(epoll)].channel
      effect.fd = wait.epoll
      // Of a run of waits alone only the first can tell of what was armed anew before it.
      let isRun = event.repeats > 1 && event.cycle <= 1
      for entry in arena.waits(wait.entries) { resolve(entry, epoll: epoll, by: state, isRun: isRun) }
      return
    }
    for entry in arena.waits(wait.entries) where !entry.returned.isEmpty {
      let file = tables[state.table][entry.fd].file
      ready.append(
        Ready(
          fd: entry.fd, file: file, channel: file >= 0 ? files[Int(file)].channel : -1, asked: entry.asked,
          returned: entry.returned, isEdge: false, isGhost: false,
          isSeen: isConsumptionSeen(entry.fd, file, entry.returned, by: state)))
    }
  }

  /// Whether the calls that would consume this readiness are seen, in the process that was told of it.
  private func isConsumptionSeen(_ fd: FD, _ file: Int32, _ returned: Readiness, by thread: ThreadState) -> Bool {
    let process = thread.process.position
    guard file >= 0, sights[process]!.scope != .all else { return true }
    switch files[Int(file)].kind {
    // By a wait on the inner instance, or waitid.
    case .epoll, .pidfd: return sights[process]!.seesWaits
    default: return sights[process]!.sees(Ready.consumers(of: returned), on: fd)
    }
  }

  private mutating func resolve(_ entry: WaitEntry, epoll: Int32, by state: ThreadState, isRun: Bool) {
    guard let known = interestEntry(of: epoll, data: entry.data) else {
      ready.append(
        Ready(
          fd: -1, file: -1, channel: -1, asked: [], returned: entry.returned, isEdge: true, isGhost: false,
          isSeen: true, isUnnamed: true))
      return
    }
    let current = tables[state.table][known.fd].file
    let isGhost = current < 0 || files[Int(current)].serial != known.serial
    ready.append(
      Ready(
        fd: known.fd, file: known.file, channel: files[Int(known.file)].channel, asked: known.events,
        returned: entry.returned, isEdge: known.isEdge, isRearmed: known.rearmer == state.id && !isRun,
        isGhost: isGhost, isSeen: isGhost || isConsumptionSeen(known.fd, known.file, entry.returned, by: state)))
    if known.rearmer != .unknown { files[Int(epoll)].interest.told(known) }
  }

  /// The entry that an event is about. Where several have the same data, the one that has something to read.
  private func interestEntry(of epoll: Int32, data: UInt64) -> EpollEntry? {
    guard files[Int(epoll)].interest.isAmbiguous(data) else { return files[Int(epoll)].interest.entry(data: data) }
    let loaded = files[Int(epoll)].interest.entries.filter { entry in
      guard entry.data == data, files[Int(entry.file)].channel >= 0 else { return false }
      return channels[Int(files[Int(entry.file)].channel)].hasUnread(at: files[Int(entry.file)].side)
    }
    return loaded.count == 1 ? loaded[0] : nil
  }

  /// What the call waits on, by the descriptors as they are now. Of a wait on numbers, the first and how many there are.
  public func place(
    of syscall: Syscall, _ operation: Operation, in thread: ThreadID, firstWait: FD, waits: Int
  ) -> CallPlace {
    func on(_ fd: FD, others: Int = 0) -> CallPlace {
      let file = descriptor(fd, of: thread).file
      return CallPlace(syscall: syscall, fd: fd, kind: file >= 0 ? files[Int(file)].kind : nil, others: others)
    }
    switch operation {
    case .wait(let wait):
      if wait.isEpoll {
        let instance = descriptor(wait.epoll, of: thread).file
        guard instance >= 0 else { return on(wait.epoll) }
        let count = files[Int(instance)].interest.entries.count
        return count > 0 ? on(files[Int(instance)].interest.entries[0].fd, others: count - 1) : on(wait.epoll)
      }
      return on(firstWait, others: max(0, waits - 1))
    case .transfer(let transfer): return on(transfer.fd)
    case .accept(let fd, _), .connect(let fd, _), .lock(let fd, _): return on(fd)
    default: return on(-1)
    }
  }

  /// The same for the call that the thread is inside of.
  public func openPlace(of id: ThreadID) -> CallPlace? {
    guard let call = openCall(of: id) else { return nil }
    let waits = openWaits(of: id)
    return place(
      of: call.syscall, call.operation, in: id, firstWait: waits.first?.fd ?? -1, waits: waits.count)
  }

  mutating func watch(
    epoll: FD, op: Int32, fd: FD, events: Readiness, data: UInt64, by thread: ThreadID, at time: Nanoseconds,
    isFound: Bool = false
  ) {
    let instance = descriptor(epoll, of: thread).file
    let target = descriptor(fd, of: thread).file
    guard instance >= 0, files[Int(instance)].kind == .epoll, target >= 0 else { return }
    let serial = files[Int(target)].serial
    // MOD re-arms, so what was ready is news again.
    effect = Effect(kind: .none, file: target, channel: files[Int(target)].channel, fd: fd)
    if op == 1 {
      let entry = EpollEntry(
        fd: fd, file: target, serial: serial, events: events, data: data, by: isFound ? .unknown : thread)
      // Of an object of no known kind nobody asks who waits for it.
      let isWakeable = ![.socket, .unknown].contains(files[Int(target)].kind)
      let former = files[Int(instance)].interest.add(entry, isWakeable: isWakeable)
      interestChange = InterestChange(epoll: instance, former: former, entry: entry)
      if !files[Int(target)].watchers.contains(instance) { files[Int(target)].watchers.append(instance) }
      if let process = self.thread(thread)?.process, files[Int(target)].channel >= 0 {
        note(
          files[Int(target)].channel, side: files[Int(target)].side, events: events, by: thread, process: process,
          from: time, to: time, repeats: 1, company: files[Int(instance)].interest.entries.count - 1)
      }
    } else if let change = files[Int(instance)].interest.modify(
      fd: fd, serial: serial, events: events, data: data, by: thread)
    {
      interestChange = InterestChange(epoll: instance, former: change.former, entry: change.entry)
    }
  }

  func isWatched(_ fd: FD, by epoll: FD, of thread: ThreadID) -> Bool {
    let target = descriptor(fd, of: thread).file
    guard target >= 0, let instance = file(descriptor(epoll, of: thread).file) else { return false }
    return instance.interest.contains(fd: fd, serial: files[Int(target)].serial)
  }

  mutating func unwatch(epoll: FD, fd: FD, by thread: ThreadID) {
    let instance = descriptor(epoll, of: thread).file
    let target = descriptor(fd, of: thread).file
    guard instance >= 0, files[Int(instance)].kind == .epoll, target >= 0 else { return }
    guard let former = files[Int(instance)].interest.remove(fd: fd, serial: files[Int(target)].serial) else { return }
    interestChange = InterestChange(epoll: instance, former: former, entry: nil)
  }

  mutating func accepted(_ listener: FD, _ flags: UInt32, _ result: CallResult, _ event: Event) {
    let source = descriptor(listener, of: event.thread).file
    if source >= 0 {
      effect = Effect(
        kind: result.succeeded ? .accept : .empty, file: source, channel: files[Int(source)].channel, fd: listener)
    }
    guard result.succeeded else { return }
    let channel = makeChannel(.socket, inode: 0, by: event.thread, at: event.exited)
    let file = makeFile(
      .socket, channel: channel, side: .both, nonblocking: flags & 0o4000 != 0, by: event.thread, at: event.exited)
    files[Int(file)].isConnection = true
    files[Int(file)].isAccepted = true
    if source >= 0 { files[Int(file)].isLocal = files[Int(source)].isLocal }
    install(
      file, at: FD(truncatingIfNeeded: result.rawValue), of: event.thread, .accepted,
      closeOnExec: flags & 0o2000000 != 0, time: event.exited)
  }
}
