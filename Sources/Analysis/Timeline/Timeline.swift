// What the reports draw: lanes of threads with slices of time, arrows from cause to effect, and marks.

import Lineage
import Trace

public struct Timeline: Sendable {
  public enum Kind: UInt8, Sendable, CaseIterable { case run, wait, blocked, sleep, spin }

  public struct Slice: Sendable {
    public var start: Nanoseconds
    public var end: Nanoseconds
    public var kind: Kind
    /// Place in `labels`.
    public var label: Int
    public var count: UInt64
  }

  public struct Lane: Sendable {
    public var thread: ThreadID
    public var tid: Int32
    public var name: String
    /// Place in `processes`.
    public var process: Int
    public var start: Nanoseconds
    public var end: Nanoseconds?
    /// Ascending, not overlapping. Between slices the thread ran.
    public var slices: [Slice] = []
  }

  public struct Process: Sendable {
    public var id: ProcessID
    public var pid: Int32
    public var command: String
    /// Place in `processes`.
    public var parent: Int?
    public var start: Nanoseconds
    public var end: Nanoseconds?
    public var exit: String?
    public var execs: [(time: Nanoseconds, command: String)] = []
    public var lanes: [Int] = []
  }

  public struct Marker: Sendable {
    public enum Kind: String, Sendable { case write, read, create, close, signal, exec, kill }

    public var lane: Int
    public var time: Nanoseconds
    public var kind: Kind
    public var label: String
    public var finding: String?
  }

  public struct Flow: Sendable {
    public enum Kind: String, Sendable { case fork, clone, wakeup, signal }

    public var kind: Kind
    public var fromLane: Int
    public var fromTime: Nanoseconds
    public var toLane: Int
    public var toTime: Nanoseconds
    public var label: String
    public var finding: String?
  }

  public var duration: Nanoseconds = 0
  /// Gaps shorter than this were closed between slices of one kind; 0: none.
  public var coarse: Nanoseconds = 0
  /// How many lanes of threads that lived shortly were left out, since there were too many.
  public var leftOut = 0
  public var processes: [Process] = []
  public var lanes: [Lane] = []
  public var labels: [String] = []
  public var markers: [Marker] = []
  public var flows: [Flow] = []
}
