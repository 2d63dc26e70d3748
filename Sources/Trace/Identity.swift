// Who and what an event is about: dense numbers that are never used twice, so that tables can be plain arrays.

/// Nanoseconds since the trace began (CLOCK_MONOTONIC).
public typealias Nanoseconds = UInt64

/// A file descriptor's number, as the target sees it.
public typealias FD = Int32

/// One thread of the traced programs. The kernel reuses tids; this number is never reused within a trace: it stands
/// for the pair (tid, generation), which `ThreadRecord` gives.
public struct ThreadID: Hashable, Comparable, Sendable {
  public var index: UInt32

  @inlinable public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
  @inlinable public var position: Int { Int(index) }
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.index < right.index }

  /// For an event that belongs to no thread that the trace knows.
  public static let unknown = ThreadID(Int(UInt32.max))
}

/// One process (thread group), numbered like `ThreadID`: it stands for (pid, generation).
public struct ProcessID: Hashable, Comparable, Sendable {
  public var index: UInt32

  @inlinable public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
  @inlinable public var position: Int { Int(index) }
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.index < right.index }
}

/// A text that the trace holds once: a path, an address, a command line.
public struct StringID: Hashable, Sendable {
  public var index: UInt32

  @inlinable public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
  @inlinable public var position: Int { Int(index) }

  /// The empty text; every trace has it.
  public static let empty = StringID(0)
}

/// What a `ThreadID` stands for. Pids and tids are the tracer's view (the initial pid namespace of the tracer).
public struct ThreadRecord: Hashable, Sendable {
  /// The thread's kernel number.
  public var tid: Int32
  /// How many threads of the trace had this tid before.
  public var generation: UInt32
  public var process: ProcessID
  /// The thread group's kernel number.
  public var pid: Int32

  public init(tid: Int32, generation: UInt32, process: ProcessID, pid: Int32) {
    self.tid = tid
    self.generation = generation
    self.process = process
    self.pid = pid
  }
}
