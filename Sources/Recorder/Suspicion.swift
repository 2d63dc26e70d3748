// Scope light: what makes a process worth stopping at its waits.

import Trace

/// A thread's processor time, looked at now and then without stopping it.
struct BurnMeter {
  /// So many looks in a row at a thread that does not rest make it suspect.
  static let looks = 3
  /// The least part of the time that it runs or wants to run, and that it runs.
  private static let leastBusy = 0.9
  private static let leastRunning = 0.2

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

  private(set) var calls = 0
  private var waits = 0
  private var progress = 0
  private var failures = 0
  private var current: (syscall: Syscall, shape: CallShape)?

  var isOver: Bool { calls >= Self.length }

  mutating func entered(_ syscall: Syscall) {
    current = SyscallTable.shape(UInt64(syscall.number)).map { (syscall, $0) }
  }

  mutating func returned(_ result: Int64) {
    calls += 1
    guard let current else { return }
    self.current = nil
    switch current.shape {
    case .epollWait, .epollPwait2, .poll, .ppoll, .select, .pselect: if result >= 0 { waits += 1 }
    case .transfer, .vector, .vectorAt, .send, .receive, .message, .messages, .accept, .splice, .sendfile:
      if result > 0 { progress += 1 } else if result < 0 { failures += 1 }
    default: if result < 0 { failures += 1 }
    }
  }

  /// Netty and Java's selectors, nginx, redis: where there is work each wait is followed by calls that do it.
  var isSuspicious: Bool {
    waits >= Self.leastWaits && progress * 4 < waits || calls >= Self.leastWaits && failures * 2 >= calls
  }
}
