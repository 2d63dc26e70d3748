// What the recorder remembers of each thread that it traces.

import Ptrace
import Trace

/// The six arguments of a call.
typealias Arguments = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

/// A call that was entered and has not returned.
struct PendingCall {
  var syscall: Syscall
  var shape: CallShape
  var arguments: Arguments
  var entered: Nanoseconds
  var operation: Operation
  /// The -ERESTART* that the last exit stop showed (or the -EINTR of a call that `isWokenByIgnoredSignals`): not a
  /// result yet (signal(7), "Interruption of system calls").
  var interrupted: Int64 = 0
  /// The kernel will enter it again by itself.
  var mayRestart = false

  /// Calls that return EINTR, and do not restart, when they are woken without a handler to run. Under trace even an
  /// ignored signal wakes them (Linux 6.1, kernel/signal.c, sig_ignored: a traced task gets them all).
  var isWokenByIgnoredSignals: Bool {
    switch syscall {
    case .epollWait, .epollPwait, .epollPwait2, .rtSigtimedwait, .recvfrom, .recvmsg, .recvmmsg, .read, .accept,
      .accept4:
      true
    default: false
    }
  }

  func argument(_ place: Int) -> UInt64 {
    switch place {
    case 0: arguments.0
    case 1: arguments.1
    case 2: arguments.2
    case 3: arguments.3
    case 4: arguments.4
    default: arguments.5
    }
  }
}

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

/// A child that was heard of before its parent told of it: its first stop, its end, or both. The parent may have been killed
/// before it could tell.
final class Newborn {
  private var token: StoppedTracee?
  private(set) var ended: Int32?

  func park(_ new: consuming StoppedTracee) {
    if let old = token.take() { old.forget() }
    token = consume new
  }

  func end(_ raw: Int32) {
    if let old = token.take() { old.forget() }
    ended = raw
  }

  func take() -> StoppedTracee? { token.take() }
}

/// Holds one status of a batch until it is answered. (Arrays refuse tokens that cannot be copied.)
final class StatusSlot {
  private var status: WaitStatus?

  func put(_ status: consuming WaitStatus) { self.status = consume status }

  func take() -> WaitStatus? { status.take() }
}
