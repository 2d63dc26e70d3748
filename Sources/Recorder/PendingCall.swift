// A call between its entry and its return.

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
