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
    public var label: Int32
    public var count: UInt64
    /// Place in `calls` of the first call that it stands for; -1 where none is kept.
    public var call: Int32 = -1
    public var differences: Differences = []
  }

  /// In what the calls of a slice differ from its first one, but for their times.
  public struct Differences: OptionSet, Sendable {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let calls = Differences(rawValue: 1)
    public static let arguments = Differences(rawValue: 2)
    public static let results = Differences(rawValue: 4)
  }

  /// Calls that are alike in all but their times, told once.
  public struct Call: Sendable {
    /// In strace's look: `read(3, 1024) = 512`.
    public var text: String
    /// Where they stood; `none` where that was not recorded.
    public var stack: StackID
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
    /// Its short name.
    public var title = ""
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
    /// `wakes`: a write, and the wait that ended by it. `pass`: a message with descriptors (SCM_RIGHTS), and who received it.
    public enum Kind: String, Sendable { case fork, clone, wakeup, signal, wakes, pass }

    public var kind: Kind
    public var fromLane: Int
    public var fromTime: Nanoseconds
    public var toLane: Int
    public var toTime: Nanoseconds
    public var label: String
    public var finding: String?
  }

  /// What waited in a channel from a moment on: at the most until the next sample, and right before that.
  public struct Sample: Sendable {
    public var time: Nanoseconds
    public var most: UInt64
    public var last: UInt64
  }

  /// A process that has an end of a channel.
  public struct Holder: Sendable {
    public var pid: Int32
    /// The number by which it had it first.
    public var fd: FD
    public var side: Side
    public var start: Nanoseconds
    public var end: Nanoseconds?
  }

  public struct Channel: Sendable {
    public var serial: UInt32
    public var kind: ObjectKind
    public var creatorPid: Int32?
    public var created: Nanoseconds
    public var gone: Nanoseconds?
    /// Ascending; before the first nothing waits. Bytes, of an eventfd its count.
    public var samples: [Sample]
    public var holders: [Holder]
    /// The family trees of its open files, as text.
    public var family: String
    public var files: [FileHistory]
    public var owner: String?
    public var findings: [String]
  }

  public var duration: Nanoseconds = 0
  /// Gaps shorter than this were closed between slices of one kind; 0: none.
  public var coarse: Nanoseconds = 0
  /// After this there are no arrows from writes to waits, since they were too many.
  public var wakesUntil: Nanoseconds?
  /// How many lanes of threads that lived shortly were left out, since there were too many.
  public var leftOut = 0
  public var processes: [Process] = []
  public var lanes: [Lane] = []
  public var labels: [String] = []
  public var calls: [Call] = []
  /// There were more kinds of calls than are kept.
  public var leavesOutCalls = false
  /// The stacks that `calls` name, by their number.
  public var stacks: [Int: [Frame]] = [:]
  static let mostStacks = 4096
  public var markers: [Marker] = []
  public var flows: [Flow] = []
  public var channels: [Channel] = []
}
