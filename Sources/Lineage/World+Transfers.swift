// Bytes on their way: who wrote what, and who took it.

import Trace

extension World {
  func segment(_ count: UInt64, _ event: Event, fd: FD) -> Segment {
    let state = thread(event.thread)
    return Segment(
      count: count, writer: event.thread, process: state?.process ?? ProcessID(0), fd: fd, time: event.entered,
      landed: event.exited, event: event.sequence, signal: state?.actingHandler?.signal ?? 0,
      execed: hasExeced(state?.process))
  }

  /// Whether a forked process has called exec since.
  func hasExeced(_ id: ProcessID?) -> Bool {
    guard let process = id.flatMap({ process($0) }) else { return false }
    return process.parent != nil && process.hasExeced
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
    guard let place = channels[channel].begun.firstIndex(where: { $0.thread == thread }) else { return 0 }
    return channels[channel].begun.remove(at: place).credited
  }

  mutating func transfer(
    _ transfer: Transfer, _ result: CallResult, _ event: Event, arena: Arena
  ) {
    let slot = descriptor(transfer.fd, of: event.thread).file
    guard slot >= 0, !transfer.positioned else { return }
    let channel = files[Int(slot)].channel
    guard channel >= 0, let process = thread(event.thread)?.process else { return }
    effect = Effect(kind: .none, file: slot, channel: channel, fd: transfer.fd)
    switch transfer.direction {
    case .output:
      write(transfer, result, event, file: slot, channel: channel, process: process, arena: arena)
    case .input:
      let taken = channels[Int(channel)].incoming(at: files[Int(slot)].side).taken
      read(transfer, result, event, file: slot, channel: channel, process: process)
      receive(transfer, result, event, file: slot, channel: channel, from: taken, arena: arena)
    }
  }

  private mutating func write(
    _ transfer: Transfer, _ result: CallResult, _ event: Event, file: Int32, channel: Int32,
    process: ProcessID, arena: Arena
  ) {
    let credited = endWrite(to: file, by: event.thread)
    guard result.rawValue > 0 || result.rawValue == 0 && channels[Int(channel)].isDatagram else {
      if result.errno == 11 { effect.kind = .empty }
      return
    }
    effect.kind = .write
    let payload = arena.bytes(transfer.payload)
    let isBack = files[Int(file)].side == .first
    let position = isBack ? channels[Int(channel)].backQueue.written : channels[Int(channel)].queue.written
    let count = channels[Int(channel)].isDatagram ? UInt64(max(1, transfer.messages)) : result.count
    if isBack {
      channels[Int(channel)].backQueue.passed(written: count)
    } else {
      channels[Int(channel)].queue.passed(written: count)
    }
    put(
      result.count, payload: payload, event, fd: transfer.fd, file: file, channel: channel, process: process,
      credited: credited)
    if !transfer.passed.isEmpty {
      pass(transfer, event, from: position, file: file, channel: channel, arena: arena)
    }
  }

  /// Puts bytes into the queue that the other end reads.
  private mutating func put(
    _ count: UInt64, payload: ArraySlice<UInt8>, _ event: Event, fd: FD, file: Int32, channel: Int32,
    process: ProcessID, credited: UInt64
  ) {
    var added = segment(count, event, fd: fd)
    let kind = channels[Int(channel)].kind
    if kind == .eventfd { added.count = Self.counterValue(payload) }
    added.count = added.count &* UInt64(event.repeats)
    let repeats = UInt64(event.repeats)
    let inHandler = added.signal != 0
    let side = files[Int(file)].side
    if !inHandler { channels[Int(channel)].payloads.note(payload, count: count) }
    channels[Int(channel)].withUse(by: process) {
      $0.writes += repeats
      $0.firstWrite = min($0.firstWrite, event.firstReturn)
      $0.bytesWritten &+= count &* repeats
      if side == .first { $0.writesBack += repeats }
    }
    // Sockets with a peer elsewhere: what is written here is not what is read here.
    if kind == .socket || kind == .tty { return }
    added.count -= min(added.count, credited)
    guard added.count > 0 else { return }
    if side == .first {
      channels[Int(channel)].backQueue.append(added)
    } else {
      channels[Int(channel)].queue.append(added)
    }
  }

  private mutating func read(
    _ transfer: Transfer, _ result: CallResult, _ event: Event, file: Int32, channel: Int32,
    process: ProcessID
  ) {
    let repeats = UInt64(event.repeats)
    if result.rawValue == 0, transfer.requested > 0 {
      effect.kind = .endOfFile
    } else if result.errno == 11 {
      effect.kind = .empty
    } else if result.rawValue > 0 {
      effect.kind = transfer.peeks ? .peek : .read
    }
    let kind = effect.kind
    guard kind != .none, kind != .peek else { return }
    if kind == .empty { foundEmpty(file, channel: channel, at: event.entered, by: event.thread) }
    let count = result.count
    var partial = false
    if kind == .read || kind == .endOfFile && channels[Int(channel)].isDatagram {
      // A datagram may be empty.
      let messages = UInt64(max(1, transfer.messages)) &* repeats
      let moved = channels[Int(channel)].isDatagram ? messages : count &* repeats
      if files[Int(file)].side == .second {
        channels[Int(channel)].backQueue.passed(taken: moved)
      } else {
        channels[Int(channel)].queue.passed(taken: moved)
      }
    }
    if kind == .read {
      partial = take(count &* repeats, file: file, channel: channel)
    }
    let draining = kind == .read && (transfer.requested > count || channels[Int(channel)].kind == .eventfd)
    let side = files[Int(file)].side
    channels[Int(channel)].withUse(by: process) {
      $0.inputSide = side
      if !$0.waitsForInput { $0.lastWaiter = event.thread }
      $0.lastInputUse = event.time
      switch kind {
      case .read:
        $0.reads += repeats
        $0.bytesRead &+= count &* repeats
        if partial { $0.partialReads += repeats }
        if draining { $0.drainingReads += repeats }
      case .empty: $0.emptyReads += repeats
      default: break
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
  private mutating func take(_ count: UInt64, file: Int32, channel slot: Int32) -> Bool {
    let side = files[Int(file)].side
    let kind = channels[Int(slot)].kind
    if kind == .socket || kind == .tty { return false }
    if kind == .eventfd {
      if channels[Int(slot)].isSemaphore {
        _ = channels[Int(slot)].queue.take(1, into: &taken)
      } else {
        // With nothing counted, what it returned came from writes that have begun: from the first, or from all.
        if channels[Int(slot)].queue.unread == 0 { draw(1, from: slot) }
        channels[Int(slot)].queue.takeAll(into: &taken)
      }
      return false
    }
    if channels[Int(slot)].isDatagram {
      if side == .second {
        channels[Int(slot)].backQueue.takeMessage(into: &taken)
      } else {
        channels[Int(slot)].queue.takeMessage(into: &taken)
      }
      return false
    }
    let outcome =
      side == .second
      ? channels[Int(slot)].backQueue.take(count, into: &taken)
      : channels[Int(slot)].queue.take(count, into: &taken)
    if outcome.missing > 0 { draw(outcome.missing, from: slot) }
    return outcome.split
  }

  /// A read returned before the writes that fed it did: charge it to those that have begun, in their order.
  private mutating func draw(_ missing: UInt64, from slot: Int32) {
    var rest = missing
    for place in channels[Int(slot)].begun.indices where rest > 0 {
      let write = channels[Int(slot)].begun[place]
      let part = min(rest, write.requested - min(write.requested, write.credited))
      guard part > 0, let state = thread(write.thread) else { continue }
      channels[Int(slot)].begun[place].credited += part
      rest -= part
      let began = state.openCall?.since ?? now
      taken.append(
        Segment(
          count: part, writer: write.thread, process: state.process, fd: write.fd, time: began, landed: began, event: 0,
          signal: state.actingHandler?.signal ?? 0, execed: hasExeced(state.process)))
    }
  }

  /// What a write adds to an eventfd's counter: its eight bytes (fs/eventfd.c, eventfd_write).
  public static func counterValue(_ payload: ArraySlice<UInt8>) -> UInt64 {
    guard payload.count >= 8 else { return 1 }
    return payload.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// splice, tee and sendfile.
  mutating func moved(_ from: FD, _ to: FD, _ count: UInt64, _ consumes: Bool, _ event: Event) {
    let target = descriptor(to, of: event.thread).file
    let credited = endWrite(to: target, by: event.thread)
    guard count > 0, let process = thread(event.thread)?.process else { return }
    let source = descriptor(from, of: event.thread).file
    if consumes, source >= 0, files[Int(source)].channel >= 0 {
      let channel = files[Int(source)].channel
      channels[Int(channel)].queue.passed(taken: count)
      _ = take(count, file: source, channel: channel)
      effect = Effect(kind: .read, file: source, channel: channel, fd: from)
      channels[Int(channel)].withUse(by: process) {
        $0.reads += 1
        $0.bytesRead &+= count
        $0.lastInputUse = event.time
      }
    }
    if target >= 0, files[Int(target)].channel >= 0 {
      put(
        count, payload: [], event, fd: to, file: target, channel: files[Int(target)].channel, process: process,
        credited: credited)
      let write = Effect(kind: .write, file: target, channel: files[Int(target)].channel, fd: to)
      if effect.kind == .none { effect = write } else { farEffect = write }
    }
  }
}
