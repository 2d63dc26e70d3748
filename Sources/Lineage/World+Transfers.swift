// Bytes on their way: who wrote what, and who took it.

import Trace

extension World {
  @inline(__always)
  func segment(_ count: UInt64, _ event: Event, fd: FD) -> Segment {
    let process = processID(of: event.thread)
    return Segment(
      count: count, writer: event.thread, process: process ?? ProcessID(0), fd: fd, time: event.entered,
      landed: event.exited, event: event.sequence, signal: actingSignal(of: event.thread),
      execed: process.map { hasExeced($0) } ?? false)
  }

  /// Whether a forked process has called exec since.
  public func hasExeced(_ id: ProcessID) -> Bool {
    processes[id.position]?.hasExecedSinceFork == true
  }

  /// A write that may overlap the read which drains it. `count`: what it puts in at the most.
  mutating func beginWrite(to fd: FD, count: UInt64, by thread: ThreadID) {
    let slot = descriptor(fd, of: thread).file
    guard slot >= 0, files[Int(slot)].channel >= 0 else { return }
    channels[Int(files[Int(slot)].channel)].begun.append(BegunWrite(thread: thread, fd: fd, requested: count))
  }

  /// The write has returned, failed, or died with its thread. Returns what reads have taken of it.
  @discardableResult
  mutating func endWrite(to slot: Int32, by thread: ThreadID) -> UInt64 {
    guard slot >= 0, files[Int(slot)].channel >= 0 else { return 0 }
    let channel = Int(files[Int(slot)].channel)
    guard !channels[channel].begun.isEmpty,
      let place = channels[channel].begun.firstIndex(where: { $0.thread == thread })
    else { return 0 }
    return channels[channel].begun.remove(at: place).credited
  }

  mutating func transfer(
    _ transfer: Transfer, _ result: CallResult, _ event: Event, arena: Arena
  ) {
    let slot = descriptor(transfer.fd, of: event.thread).file
    guard slot >= 0, !transfer.positioned else { return }
    let channel = files[Int(slot)].channel
    guard channel >= 0, let process = processID(of: event.thread) else { return }
    effect = Effect(kind: .none, file: slot, channel: channel, fd: transfer.fd)
    switch transfer.direction {
    case .output:
      write(transfer, result, event, file: slot, channel: channel, process: process, arena: arena)
    case .input:
      guard channels[Int(channel)].kind == .socketpair else {
        read(transfer, result, event, file: slot, channel: channel, process: process)
        return
      }
      // By a socketpair descriptors may come.
      let isBack = files[Int(slot)].side == .second
      let taken = isBack ? channels[Int(channel)].backQueue.taken : channels[Int(channel)].queue.taken
      read(transfer, result, event, file: slot, channel: channel, process: process)
      receive(transfer, result, event, file: slot, channel: channel, from: taken, arena: arena)
    }
  }

  @inline(__always)
  private mutating func write(
    _ transfer: Transfer, _ result: CallResult, _ event: Event, file: Int32, channel: Int32,
    process: ProcessID, arena: Arena
  ) {
    let credited = channels[Int(channel)].begun.isEmpty ? 0 : endWrite(to: file, by: event.thread)
    let isDatagram = channels[Int(channel)].isDatagram
    guard result.rawValue > 0 || result.rawValue == 0 && isDatagram else {
      if result.errno == 11 { effect.kind = .empty }
      return
    }
    effect.kind = .write
    let added = segment(result.count, event, fd: transfer.fd)
    let messages = UInt64(max(1, transfer.messages))
    let side = files[Int(file)].side
    let position = channels[Int(channel)].land(
      added, messages: messages, times: UInt64(event.repeats), payload: arena.bytes(transfer.payload), at: side,
      credited: credited, firstReturn: event.firstReturn)
    if !transfer.passed.isEmpty {
      pass(transfer, event, from: position, file: file, channel: channel, arena: arena)
    }
  }

  @inline(__always)
  private mutating func read(
    _ transfer: Transfer, _ result: CallResult, _ event: Event, file: Int32, channel: Int32,
    process: ProcessID
  ) {
    let repeats = UInt64(event.repeats)
    if result.rawValue > 0 {
      effect.kind = transfer.peeks ? .peek : .read
    } else if result.errno == 11 {
      effect.kind = .empty
    } else if result.rawValue == 0, transfer.requested > 0 {
      effect.kind = .endOfFile
    }
    let kind = effect.kind
    if kind == .none, event.timeInside >= World.longWait {
      noteBlock(channel, side: files[Int(file)].side, by: process, event)
    }
    guard kind != .none, kind != .peek else { return }
    if kind == .empty { foundEmpty(file, channel: channel, at: event.entered, by: event.thread) }
    let count = result.count
    let side = files[Int(file)].side
    var partial = false
    if kind == .read || kind == .endOfFile && channels[Int(channel)].isDatagram {
      // A datagram may be empty.
      let messages = UInt64(max(1, transfer.messages)) &* repeats
      let isDatagram = channels[Int(channel)].isDatagram
      channels[Int(channel)].passed(taken: isDatagram ? messages : count &* repeats, at: side)
      partial = kind == .read && take(count &* repeats, side: side, channel: channel)
    }
    let isCounter = channels[Int(channel)].kind == .eventfd
    channels[Int(channel)].withUse(by: process) {
      $0.inputSide = side
      if !$0.waitsForInput { $0.lastWaiter = event.thread }
      $0.lastInputUse = event.time
      if event.timeInside >= World.longWait, repeats == 1 { $0.lastBlock = (event.entered, event.exited) }
      $0.company = 0
      if kind == .endOfFile, $0.sawEnd == .max { $0.sawEnd = event.time }
      if kind == .read {
        $0.lastBytes = event.time
        $0.reads += repeats
        $0.bytesRead &+= count &* repeats
        if partial { $0.partialReads += repeats }
        if transfer.requested > count || isCounter { $0.drainingReads += repeats }
      } else if kind == .empty {
        $0.emptyReads += repeats
      }
    }
  }

  /// A read found nothing: what was written before it began must have been taken by somebody unseen, or was miscounted.
  private mutating func foundEmpty(_ file: Int32, channel: Int32, at time: Nanoseconds, by thread: ThreadID) {
    dropPassing(of: channel, isBack: files[Int(file)].side == .second, landedBefore: time, by: thread)
    if files[Int(file)].side == .second {
      channels[Int(channel)].backQueue.forget(landedBefore: time)
    } else {
      channels[Int(channel)].queue.forget(landedBefore: time)
    }
  }

  /// Takes bytes from the queue at the file's side; true if a write was taken only in part.
  @inline(__always)
  private mutating func take(_ count: UInt64, side: Side, channel slot: Int32) -> Bool {
    let kind = channels[Int(slot)].kind
    if kind == .socket || kind == .tty { return false }
    if kind == .eventfd {
      // With nothing counted, what it returned came from writes that have begun: from the first, or from all.
      if !channels[Int(slot)].isSemaphore, channels[Int(slot)].queue.unread == 0 { draw(1, from: slot) }
      channels[Int(slot)].takeCount(into: &taken)
      return false
    }
    let outcome = channels[Int(slot)].take(count, at: side, into: &taken)
    if outcome.missing > 0 { draw(outcome.missing, from: slot) }
    return outcome.split
  }

  /// A read returned before the writes that fed it did: charge it to those that have begun, in their order.
  private mutating func draw(_ missing: UInt64, from slot: Int32) {
    var rest = missing
    for place in channels[Int(slot)].begun.indices where rest > 0 {
      let write = channels[Int(slot)].begun[place]
      let part = min(rest, write.requested - min(write.requested, write.credited))
      guard part > 0, let process = processID(of: write.thread) else { continue }
      channels[Int(slot)].begun[place].credited += part
      rest -= part
      let began = openCall(of: write.thread)?.since ?? now
      taken.append(
        Segment(
          count: part, writer: write.thread, process: process, fd: write.fd, time: began, landed: began, event: 0,
          signal: actingSignal(of: write.thread), execed: hasExeced(process)))
    }
  }

  /// What a write adds to an eventfd's counter: its eight bytes (fs/eventfd.c, eventfd_write).
  public static func counterValue(_ payload: ArraySlice<UInt8>) -> UInt64 {
    guard payload.count >= 8 else { return 1 }
    return payload.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// splice, tee and sendfile.
  mutating func moved(_ from: FD, _ to: FD, _ result: CallResult, _ consumes: Bool, _ event: Event) {
    let count = result.count
    let isEnd = result.rawValue == 0
    let target = descriptor(to, of: event.thread).file
    let credited = endWrite(to: target, by: event.thread)
    guard let process = processID(of: event.thread) else { return }
    let source = descriptor(from, of: event.thread).file
    if consumes, source >= 0, files[Int(source)].channel >= 0 {
      channels[Int(files[Int(source)].channel)].withUse(by: process) {
        $0.inputSide = files[Int(source)].side
        if !$0.waitsForInput { $0.lastWaiter = event.thread }
        if event.timeInside >= World.longWait, event.repeats == 1 { $0.lastBlock = (event.entered, event.exited) }
        $0.company = 0
        if count > 0 { $0.lastBytes = event.time } else if isEnd, $0.sawEnd == .max { $0.sawEnd = event.time }
      }
    }
    guard count > 0 else { return }
    if consumes, source >= 0, files[Int(source)].channel >= 0 {
      let channel = files[Int(source)].channel
      channels[Int(channel)].passed(taken: count, at: .both)
      _ = take(count, side: files[Int(source)].side, channel: channel)
      effect = Effect(kind: .read, file: source, channel: channel, fd: from)
      channels[Int(channel)].withUse(by: process) {
        $0.reads += 1
        $0.bytesRead &+= count
        $0.lastInputUse = event.time
      }
    }
    if target >= 0, files[Int(target)].channel >= 0 {
      channels[Int(files[Int(target)].channel)].put(
        segment(count, event, fd: to), times: UInt64(event.repeats), payload: [], at: files[Int(target)].side,
        credited: credited, firstReturn: event.firstReturn)
      let write = Effect(kind: .write, file: target, channel: files[Int(target)].channel, fd: to)
      if effect.kind == .none { effect = write } else { farEffect = write }
    }
  }
}
