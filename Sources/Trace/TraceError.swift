// What can go wrong with a trace file, each with the words that the user reads.

import SystemPackage

public enum TraceError: Error, Equatable, CustomStringConvertible {
  /// There is no such file, or it may not be read.
  case unreadable(path: String, errno: Int32)
  /// The file cannot be made or grown.
  case unwritable(path: String, errno: Int32)
  /// A file is not made there, since it could end up in other hands.
  case refusedPlace(path: String, why: String)
  /// It does not begin as a trace does.
  case notATrace(path: String)
  /// It is neither, but known: what it is, and what to give instead.
  case lookalike(path: String, what: String)
  /// It was written by a later faultline.
  case laterVersion(path: String, version: Int)
  /// Its bytes contradict themselves.
  case damaged(String)

  public var description: String {
    switch self {
    case .unreadable(let path, let errno): "cannot read \(path): \(TraceError.text(errno))"
    case .unwritable(let path, let errno): "cannot write \(path): \(TraceError.text(errno))"
    case .refusedPlace(let path, let why): "cannot write \(path): \(why)"
    case .notATrace(let path): "\(path) is neither a faultline trace nor a log of strace's"
    case .lookalike(let path, let what): "\(path) \(what)"
    case .laterVersion(let path, let version):
      "\(path) has format version \(version); this faultline reads up to \(TraceFormat.version)"
    case .damaged(let what): "the trace is damaged: \(what)"
    }
  }

  static func text(_ errno: Int32) -> String { Errno(rawValue: errno).description }
}
