// Wait sets: what poll, select and epoll_wait asked for and got.

import Ptrace
import Trace

extension CallDecoder {
  /// The wait that a call begins; for epoll the set is empty until it returns.
  func wait(_ call: PendingCall, arena: inout Arena) -> Operation {
    switch call.shape {
    case .epollWait, .epollPwait2:
      let timeout =
        if case .epollWait = call.shape {
          milliseconds(FD(truncatingIfNeeded: call.argument(3)))
        } else {
          timespec(call.argument(3)) ?? -1
        }
      return .wait(
        Wait(
          epoll: fd(call, 0), entries: .empty, timeout: timeout,
          capacity: UInt32(clamping: max(0, fd(call, 2)))))
    case .poll, .ppoll:
      let timeout: Int64
      if case .poll = call.shape {
        timeout = milliseconds(FD(truncatingIfNeeded: call.argument(2)))
      } else {
        timeout = timespec(call.argument(2)) ?? -1
      }
      return .wait(Wait(epoll: -1, entries: pollSet(call, arena: &arena), timeout: timeout))
    case .select:
      // struct timeval: microseconds in its second word.
      var timeout: Int64 = -1
      if let seconds = memory.load(call.argument(4), as: Int64.self),
        let rest = memory.load(call.argument(4) + 8, as: Int64.self)
      {
        timeout = seconds &* 1_000_000_000 &+ rest &* 1000
      }
      return .wait(Wait(epoll: -1, entries: selectSets(call, arena: &arena), timeout: timeout))
    default:
      return .wait(
        Wait(epoll: -1, entries: selectSets(call, arena: &arena), timeout: timespec(call.argument(4)) ?? -1))
    }
  }

  private func milliseconds(_ timeout: Int32) -> Int64 { timeout < 0 ? -1 : Int64(timeout) * 1_000_000 }

  private func pollSet(_ call: PendingCall, arena: inout Arena) -> ArenaRange {
    let count = Int(min(call.argument(1), UInt64(TraceFormat.longestWaitSet)))
    let offset = arena.waits.count
    memory.withBytes(call.argument(0), count: count * 8) { bytes in
      for place in 0..<bytes.count / 8 {
        let (fd, events, _) = Self.pollEntry(bytes, place)
        arena.waits.append(WaitEntry(fd: fd, asked: Readiness(rawValue: UInt32(events)), returned: []))
      }
    }
    return ArenaRange(offset: offset, count: arena.waits.count - offset)
  }

  /// One struct pollfd: int fd, short events, short revents.
  private static func pollEntry(
    _ bytes: UnsafeRawBufferPointer, _ place: Int
  ) -> (fd: FD, events: UInt16, returned: UInt16) {
    (
      bytes.loadUnaligned(fromByteOffset: place * 8, as: Int32.self),
      bytes.loadUnaligned(fromByteOffset: place * 8 + 4, as: UInt16.self),
      bytes.loadUnaligned(fromByteOffset: place * 8 + 6, as: UInt16.self)
    )
  }

  /// The bits of an fd_set below `count`, as bytes; empty for a null pointer.
  private func bits(_ address: UInt64, _ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    _ = memory.read(address, count: (count + 63) / 64 * 8, into: &bytes)
    return bytes
  }

  private static let selectKinds: [Readiness] = [.input, .output, .priority]

  private func selectSets(_ call: PendingCall, arena: inout Arena) -> ArenaRange {
    let count = Int(min(call.argument(0), 65536))
    let sets = (1...3).map { bits(call.argument($0), count) }
    let offset = arena.waits.count
    for fd in 0..<count where arena.waits.count - offset < TraceFormat.longestWaitSet {
      var asked = Readiness()
      for (kind, set) in zip(Self.selectKinds, sets) where fd / 8 < set.count && set[fd / 8] >> (fd % 8) & 1 == 1 {
        asked.insert(kind)
      }
      if !asked.isEmpty { arena.waits.append(WaitEntry(fd: FD(fd), asked: asked, returned: [])) }
    }
    return ArenaRange(offset: offset, count: arena.waits.count - offset)
  }

  /// Fills in what a wait returned.
  func returned(_ wait: Wait, _ call: PendingCall, result: Int64, arena: inout Arena) -> Wait {
    guard result > 0 else { return wait }
    var wait = wait
    switch call.shape {
    case .epollWait, .epollPwait2:
      let count = Int(min(result, Int64(TraceFormat.longestWaitSet)))
      let offset = arena.waits.count
      // struct epoll_event is packed on x86_64: 4 bytes of events, 8 of data.
      memory.withBytes(call.argument(1), count: count * 12) { bytes in
        for place in 0..<bytes.count / 12 {
          let events = bytes.loadUnaligned(fromByteOffset: place * 12, as: UInt32.self)
          let data = bytes.loadUnaligned(fromByteOffset: place * 12 + 4, as: UInt64.self)
          arena.waits.append(WaitEntry(fd: -1, asked: [], returned: Readiness(rawValue: events), data: data))
        }
      }
      wait.entries = ArenaRange(offset: offset, count: arena.waits.count - offset)
    case .poll, .ppoll:
      memory.withBytes(call.argument(0), count: Int(wait.entries.count) * 8) { bytes in
        for place in 0..<bytes.count / 8 {
          arena.waits[Int(wait.entries.offset) + place].returned = Readiness(
            rawValue: UInt32(Self.pollEntry(bytes, place).returned))
        }
      }
    default:
      let sets = (1...3).map { bits(call.argument($0), Int(min(call.argument(0), 65536))) }
      for index in wait.entries.indices {
        let fd = Int(arena.waits[index].fd)
        for (kind, set) in zip(Self.selectKinds, sets)
        where arena.waits[index].asked.contains(kind) && fd / 8 < set.count && set[fd / 8] >> (fd % 8) & 1 == 1 {
          arena.waits[index].returned.insert(kind)
        }
      }
    }
    return wait
  }
}
