// What makes a thread worth a look at all of its calls, and what they say.

import Trace

/// A thread's processor time, looked at now and then without stopping it.
struct BurnMeter {
  /// So many looks in a row at a thread that does not rest make it suspect.
  static let looks = 3
  /// The least part of the time that it runs or wants to run, and that it runs.
  private static let leastBusy = 0.9
  private static let leastRunning = 0.05

  private var last: (time: Nanoseconds, running: UInt64, waiting: UInt64)?
  private(set) var streak = 0

  /// Notes what schedstat says. True if the thread has burnt its core for a while.
  mutating func note(running: UInt64, waiting: UInt64, at time: Nanoseconds) -> Bool {
    defer { last = (time, running, waiting) }
    guard let last, time > last.time else { return false }
    let wall = Double(time - last.time)
    let ran = Double(running &- last.running)
    let busy = ran + Double(waiting &- last.waiting)
    streak = busy >= wall * Self.leastBusy && ran >= wall * Self.leastRunning ? streak + 1 : 0
    return streak >= Self.looks
  }

  mutating func clear() { streak = 0 }
}

/// A short look at the calls of a suspect, at all of them, without a filter that would stay: does it turn without progress?
struct Probe {
  /// How many calls are looked at, at the most.
  private static let length = 64
  /// Fewer waits say nothing.
  private static let leastWaits = 8
  /// A call that failed so often may be why.
  private static let leastFailures = 8
  /// Who fails for lack of descriptors or memory, by calls that stop nowhere (open, socket), is looked at for so long, which is enough
  /// for retry-spin.
  private static let longLength = 1024
  /// ENOMEM, ENFILE, EMFILE, ENOBUFS.
  private static let lacks: Set<Int64> = [-12, -23, -24, -105]
  /// Of a thread whose calls stop and bring nothing, not of one that burns its core unseen.
  let isOfTurns: Bool
  private(set) var calls = 0
  private var waits = 0
  private var progress = 0
  private var failures = 0
  /// Calls that succeeded and were no waits: work of some kind.
  private(set) var others = 0
  private var current: (syscall: Syscall, fd: FD)?
  private var lacking = 0
  /// When the call that it is in was entered.
  var entered: Nanoseconds = 0
  private var failed: [(syscall: Syscall, fd: FD, count: Int)] = []
  /// Processor time at the last stop; between the calls, and inside of each, from one stop to the next.
  private var running: UInt64?
  private var stopsInside: UInt64 = 1
  private var enteredAt: UInt64?
  private var between: [Passage: [UInt64]] = [:]
  private var inside: [UInt64] = []
  /// The last call that returned.
  private var former: Syscall?

  /// From one call to the next: a loop works between some of its calls and not between others.
  private struct Passage: Hashable {
    var from: Syscall
    var to: Syscall
  }

  init(isOfTurns: Bool) { self.isOfTurns = isOfTurns }

  var isOver: Bool { calls >= (lacking < Self.leastFailures ? Self.length : Self.longLength) }

  /// The call that returns so, which nothing but the look stopped at, if it fails for lack of something.
  mutating func lack(_ result: Int64) -> Syscall? {
    guard !isOfTurns, Self.lacks.contains(result), let current else { return nil }
    lacking += 1
    return current.syscall
  }

  mutating func entered(_ syscall: Syscall, fd: FD, running now: UInt64?) {
    current = (syscall, fd)
    if let now, let running, let former {
      between[Passage(from: former, to: syscall), default: []].append(now - min(now, running))
    }
    enteredAt = now
    stopsInside = 1
  }

  /// The filter has stopped the call that it is in.
  mutating func filtered() { stopsInside += 1 }

  mutating func returned(_ result: Int64, running now: UInt64?) {
    running = now
    guard let current else { return }
    calls += 1
    if let now, let enteredAt { inside.append((now - min(now, enteredAt)) / stopsInside) }
    self.current = nil
    former = current.syscall
    let hasFailed = result < 0 && result >= -4095
    if hasFailed {
      if let known = failed.firstIndex(where: { $0.syscall == current.syscall && $0.fd == current.fd }) {
        failed[known].count += 1
      } else if failed.count < Self.length {
        failed.append((current.syscall, current.fd, 1))
      }
    }
    switch SyscallTable.shape(UInt64(current.syscall.number)) {
    case .epollWait, .epollPwait2, .poll, .ppoll, .select, .pselect: if !hasFailed { waits += 1 }
    case .transfer, .vector, .vectorAt, .send, .receive, .message, .messages, .accept, .splice, .sendfile:
      if hasFailed { failures += 1 } else if result > 0 { progress += 1 }
      if result > 0 { others += 1 }
    case nil: if !hasFailed, !current.syscall.isIdle { others += 1 }
    default:
      if hasFailed { failures += 1 } else if !current.syscall.isIdle { others += 1 }
    }
  }

  /// Netty and Java's selectors, nginx, redis: where there is work each wait is followed by calls that do it.
  var isSuspicious: Bool { waits >= Self.leastWaits && progress * 4 < waits || isFailing }

  private var isFailing: Bool { calls >= Self.leastWaits && failures * 2 >= calls }

  /// What fails again and again, where that is most of what it does.
  var retried: [(syscall: Syscall, fd: FD)] {
    isFailing ? failed.filter { $0.count >= Self.leastFailures && $0.fd >= 0 }.map { ($0.syscall, $0.fd) } : []
  }

  /// What a stop costs the thread, as processor time, ns.
  var stop: UInt64 { Self.least(inside) }

  /// What the thread does between two of its calls, as processor time, ns: what a stop costs is known from those inside of calls. Where
  /// it does most: poll, read, and then the frame. Of passages that are half as frequent as the commonest one, or more.
  var work: UInt64 {
    let often = between.values.map(\.count).max() ?? 0
    let gap = between.values.filter { $0.count * 2 >= often }.map(Self.least).max() ?? 0
    return inside.isEmpty ? 0 : gap - min(gap, stop)
  }

  /// The first octile. A stop takes twice as long when the thread has come from another core, and the two kinds mix differently inside and
  /// between: of both the undisturbed ones are compared, which the middle ones need not be.
  private static func least(_ times: [UInt64]) -> UInt64 { times.isEmpty ? 0 : times.sorted()[times.count / 8] }
}
