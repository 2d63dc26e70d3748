// What the recorder remembers of each thread that it traces.

import Trace

/// A thread under trace.
final class Tracee {
  let tid: Int32
  let id: ThreadID
  let process: TracedProcess
  var call: PendingCall?
  /// The variable parts of `call`.
  var arena = Arena()
  /// When its processor time was last written into the trace.
  var usageTime: Nanoseconds = 0
  /// The comm that the trace knows.
  var name: [UInt8] = []
  /// Stack pointers at which the handlers that it is inside of were entered; nil on an alternate stack.
  var frames: [(signal: Int32, stackPointer: UInt64?)] = []

  init(tid: Int32, id: ThreadID, process: TracedProcess) {
    self.tid = tid
    self.id = id
    self.process = process
  }
}

/// A thread group under trace.
final class TracedProcess {
  let pid: Int32
  let id: ProcessID
  var threads = 1
  var saidOtherABI = false
  /// Its exec calls are begun in the trace; the launched root's first was not.
  var hasExeced = true

  init(pid: Int32, id: ProcessID) {
    self.pid = pid
    self.id = id
  }
}
