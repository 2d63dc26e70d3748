// What reads and writes do to one channel: its queues, positions, and the account of who used it.

import Trace

extension Channel {
  /// A write at `side` has returned. Returns the position of its queue before it.
  mutating func land(
    _ segment: Segment, messages: UInt64, times: UInt64, payload: ArraySlice<UInt8>, at side: Side, credited: UInt64,
    firstReturn: Nanoseconds
  ) -> UInt64 {
    let position = side == .first ? backQueue.written : queue.written
    let count = isDatagram ? messages : segment.count
    if side == .first {
      backQueue.passed(written: count)
    } else {
      queue.passed(written: count)
    }
    put(segment, times: times, payload: payload, at: side, credited: credited, firstReturn: firstReturn)
    return position
  }

  mutating func passed(taken count: UInt64, at side: Side) {
    if side == .second {
      backQueue.passed(taken: count)
    } else {
      queue.passed(taken: count)
    }
  }

  /// A process has written `segment` at `side`, as often as `times` says. `credited`: what reads took of it while it went on.
  mutating func put(
    _ segment: Segment, times: UInt64, payload: ArraySlice<UInt8>, at side: Side, credited: UInt64,
    firstReturn: Nanoseconds
  ) {
    var added = segment
    if kind == .eventfd { added.count = World.counterValue(payload) }
    added.count = added.count &* times
    if segment.signal == 0 { payloads.note(payload, count: segment.count) }
    withUse(by: segment.process) {
      $0.writes += times
      $0.firstWrite = min($0.firstWrite, firstReturn)
      $0.lastWrite = added.landed
      $0.bytesWritten &+= segment.count &* times
      if side == .first { $0.writesBack += times }
    }
    // Sockets with a peer elsewhere: what is written here is not what is read here.
    if kind == .socket || kind == .tty { return }
    added.count -= min(added.count, credited)
    guard added.count > 0 else { return }
    if side == .first {
      backQueue.append(added)
    } else {
      queue.append(added)
    }
  }

  /// A read of an eventfd: one, or all.
  mutating func takeCount(into taken: inout [Segment]) {
    if isSemaphore {
      _ = queue.take(1, into: &taken)
    } else {
      queue.takeAll(into: &taken)
    }
  }

  /// A read at `side` takes bytes, or a whole message.
  mutating func take(_ count: UInt64, at side: Side, into taken: inout [Segment]) -> (missing: UInt64, split: Bool) {
    if isDatagram {
      if side == .second {
        backQueue.takeMessage(into: &taken)
      } else {
        queue.takeMessage(into: &taken)
      }
      return (0, false)
    }
    return side == .second ? backQueue.take(count, into: &taken) : queue.take(count, into: &taken)
  }

  @inline(__always)
  mutating func withUse(by process: ProcessID, _ body: (inout ChannelUse) -> Void) {
    for place in uses.indices where uses[place].process == process {
      body(&uses[place])
      return
    }
    var use = ChannelUse(process: process)
    body(&use)
    uses.append(use)
  }
}

extension World {
  /// The write that keeps the queue at that side of the channel from becoming empty, seen from a process that reads it, and
  /// whether the bytes of its writer are the next to be read; nil if nothing is unread.
  public func surplus(of slot: Int32, at side: Side, for process: ProcessID) -> (segment: Segment?, isNext: Bool)? {
    side == .second
      ? channels[Int(slot)].backQueue.surplusAndNext(for: process)
      : channels[Int(slot)].queue.surplusAndNext(for: process)
  }

  /// What was there before the trace and has not been read from that side.
  public func waitingBefore(in slot: Int32, at side: Side) -> UInt64 {
    side == .second ? channels[Int(slot)].backQueue.before : channels[Int(slot)].queue.before
  }
}

extension ByteQueue {
  @inline(__always)
  fileprivate func surplusAndNext(for process: ProcessID) -> (segment: Segment?, isNext: Bool)? {
    guard unread > 0 else { return nil }
    let segment = surplus(for: process)
    return (segment, next?.process == segment?.process)
  }
}
