// What a rule states: who did what to whom, how it shows, how sure that is, and what mends it.

import Lineage
import Trace

/// The rules of this version, by the names that users and suppressions know.
public enum RuleID: String, Sendable, CaseIterable {
  case foreignWakeupWrite = "foreign-wakeup-write"
  case foreignRead = "foreign-read"
  case inheritedSignalHandler = "inherited-signal-handler"
  case busyPoll = "busy-poll"
  case zeroTimeoutSpin = "zero-timeout-spin"
  case retrySpin = "retry-spin"
  case sharedEpoll = "shared-epoll"
  case ghostEpollEntry = "ghost-epoll-entry"
  case sharedConnection = "shared-connection"
  case eofNeverComes = "eof-never-comes"
  case forkWhileThreaded = "fork-while-threaded"
  case sharedFlagChange = "shared-flag-change"
  case heldAfterExec = "held-after-exec"
  case fdClobbered = "fd-clobbered"
}

/// How bad it is if it is true. Error: harm is seen in the trace; warning: the act is seen, not its harm.
public enum Severity: Int, Sendable, Comparable, CaseIterable {
  case note, warning, error

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  public var word: String { "\(self)" }
}

/// How sure the trace makes it.
public enum Confidence: Int, Sendable, Comparable {
  case possible, likely, certain

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  public var word: String { "\(self)" }
}

/// A process and the thread in it that a finding is about.
public struct Party: Sendable, Equatable {
  public var process: ProcessID
  public var pid: Int32
  public var tid: Int32
  /// Name of the program, without its folder.
  public var command: String
  /// Where the program lies, as exec was given it.
  public var program: String
  /// The pid that forked it.
  public var parent: Int32?
  public var forkedBy: Int32?
  /// What the program's runtime calls the process, its thread, and the thread that forked it; nil where that is not known.
  public var name: String?
  public var threadName: String?
  public var forkerName: String?
  /// Whether it called exec between the fork that the finding is about and what it did.
  public var execed: Bool
}

/// The object that it happened on.
public struct FindingObject: Sendable, Equatable {
  public var kind: ObjectKind
  /// The channel's serial number.
  public var id: UInt32
  public var creatorPid: Int32?
  public var actorFD: FD?
  public var victimFD: FD?
  public var ownerHint: String?
  /// A word of memory, which is no open file: `kind` tells nothing then.
  public var isFutex = false

  /// The kind as findings name it.
  public var kindName: String {
    switch kind {
    case _ where isFutex: "futex"
    case .pipe, .fifo: "pipe"
    case .eventfd, .socketpair, .socket, .epoll, .signalfd, .timerfd, .tty: "\(kind)"
    case .unknown: "unknown"
    default: "file"
    }
  }
}

/// One event that the finding rests on, in strace's look.
public struct Evidence: Sendable, Equatable {
  /// What a timeline marks it as; nil for a wait or a fork, which it shows anyway.
  public var mark: Timeline.Marker.Kind?
  public var event: UInt64
  public var time: Nanoseconds
  public var pid: Int32
  public var tid: Int32
  public var thread: ThreadID
  public var text: String
  /// The number of its stack in the finding's `stacks`.
  public var stack: Int?
}

/// A frame of a stack, innermost first.
public struct Frame: Sendable, Equatable {
  public enum Kind: Sendable { case python, native }

  public var kind: Kind
  public var function: String?
  public var file: String?
  public var line: Int?
  public var module: String?
  /// The file's own address of the instruction, or the target's where it lies in no file.
  public var offset: UInt64?
  /// Not the user's own code.
  public var isLibrary = false
  /// The innermost frame of the user's own code.
  public var isBlamed = false

  public init(
    kind: Kind, function: String? = nil, file: String? = nil, line: Int? = nil, module: String? = nil,
    offset: UInt64? = nil, isLibrary: Bool = false
  ) {
    self.kind = kind
    self.function = function
    self.file = file
    self.line = line
    self.module = module
    self.offset = offset
    self.isLibrary = isLibrary
  }
}

public struct Finding: Sendable {
  /// F1, F2, ... in the order of the report.
  public var id = ""
  public var rule: RuleID
  public var severity: Severity
  public var confidence: Confidence
  public var message: String
  public var actor: Party?
  public var victim: Party?
  public var object: FindingObject?
  public var count: UInt64
  public var first: Nanoseconds
  public var last: Nanoseconds
  /// Occurrences per second of a spin, as it ran under trace.
  public var rate: Double?
  /// The finding that caused this one.
  public var cause: String?
  public var evidence: [Evidence]
  /// The stacks that `evidence` names, by their number.
  public var stacks: [Int: [Frame]] = [:]
  public var fix: String

  /// The same for each run of the same program: no pid, time, count or number of a descriptor goes into it.
  public var fingerprint: String {
    let parts = [
      rule.rawValue, object?.kindName ?? "-", actor?.command ?? "-", victim?.command ?? "-",
      evidence.last.map { String($0.text.prefix { $0 != "(" }) } ?? "-",
    ]
    // FNV-1a, 64 bits.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in parts.joined(separator: "\u{1F}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
