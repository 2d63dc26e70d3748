// What went wrong, with what was tried on whom.

import Glibc

public struct PtraceError: Error, CustomStringConvertible {
  public let operation: String
  public let tid: Int32
  public let errno: Int32

  public var description: String { "\(operation) of \(tid): \(String(cString: strerror(errno)))" }

  /// The tracee was killed; its status is still to come from wait.
  public var isGone: Bool { errno == ESRCH }
}
