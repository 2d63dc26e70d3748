// A call between its entry and its return.

import Trace

/// The six arguments of a call.
typealias Arguments = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

/// What a call that goes on with the rest of its buffers had: its second and third argument, and words of memory.
struct Continuation {
  var arguments: (UInt64, UInt64)
  var memory: [(address: UInt64, old: UInt64)] = []
}

/// A call that was entered and has not returned. A thread makes one call after the other: each uses the same object.
final class PendingCall {
  var syscall: Syscall
  var shape: CallShape
  var arguments: Arguments
  var entered: Nanoseconds
  var operation: Operation
  /// What the last exit stop showed and is no result yet: -ERESTART*, an -EINTR or a short count that a signal may explain
  /// (signal(7), "Interruption of system calls"); 0 while the call runs.
  var interrupted: Int64 = 0
  /// The kernel will enter it again by itself.
  var mayRestart = false
  /// The timeout that the program gave, where a restart was given what was left of it.
  var originalTimeout: UInt64?
  /// CLONE_UNTRACED was taken from it.
  var untraced: UntracedRequest?
  /// It asks for seccomp's strict mode, and was made to ask for a filter that does the same.
  var strictMode: StrictModeRequest?
  /// The earliest moment at which other threads of the same table were inside of a call that changes it; see
  /// Recorder+Overlaps.
  var doubtfulSince: Nanoseconds = 0
  /// Numbers of unknown origin that were found while it was under way.
  var orphans: [(tracee: Tracee, fd: FD)] = []

  /// Bytes that earlier parts of a call transferred, which was cut short and goes on with the rest.
  var done: UInt64 = 0
  var continuation: Continuation?
  /// Nobody saw it begin, since it is not armed; a signal that it must not notice has made it ours for once. Not for the trace.
  var isSilent = false
  /// It was entered before the trace.
  var beganBefore = false

  init() {
    syscall = .read
    shape = .plain
    arguments = (0, 0, 0, 0, 0, 0)
    entered = 0
    operation = .plain
  }

  /// Becomes the call that is entered now.
  func begin(_ syscall: Syscall, _ shape: CallShape, _ arguments: Arguments, entered: Nanoseconds) {
    self.syscall = syscall
    self.shape = shape
    self.arguments = arguments
    self.entered = entered
    operation = .plain
    interrupted = 0
    mayRestart = false
    originalTimeout = nil
    untraced = nil
    if strictMode != nil { strictMode = nil }
    doubtfulSince = 0
    if !orphans.isEmpty { orphans = [] }
    done = 0
    if continuation != nil { continuation = nil }
    isSilent = false
    beganBefore = false
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
