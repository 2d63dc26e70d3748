// Threads and processes as the model knows them.

import Trace

/// A signal handler's frame on a thread's stack.
public struct HandlerFrame: Sendable {
  public var signal: Int32
  /// Whether the handler was installed by another process, before the fork.
  public var inherited: Bool
  public var installer: ProcessID
  public var entered: Nanoseconds
  /// The process that sent the signal, where known.
  public var event: UInt64
}

/// Who a thread is. Numbers only, and kept to the trace's end: every rule looks at it at every event.
public struct ThreadState: Sendable {
  public var id: ThreadID
  public var tid: Int32
  public var process: ProcessID
  /// The thread that made it.
  public var parent: ThreadID
  /// Slot of its descriptor table in `World.tables`.
  public internal(set) var table: Int
  public var started: Nanoseconds
  public internal(set) var ended: Nanoseconds?
  public internal(set) var name: StringID = .empty
  /// What the program's runtime calls it.
  public internal(set) var givenName: StringID = .empty
  /// CPU time and time spent runnable, ns, as last sampled.
  public internal(set) var running: UInt64 = 0
  /// Whether the trace tells of processor time at all: a log does not.
  public internal(set) var isUsageKnown = false
  public internal(set) var waiting: UInt64 = 0
  /// It was there before the trace.
  public internal(set) var predates = false
  /// Its number among the living; another thread may get it once this one has ended. What is kept for each living thread
  /// can be an array, with an owner in each place.
  public internal(set) var slot: Int32 = -1

  public var isAlive: Bool { ended == nil }
}

/// What a living thread is in the middle of. The dead have none: slots are used again.
struct ThreadWork: Sendable {
  /// Whose it is; `unknown` for a free slot.
  var owner: ThreadID = .unknown
  /// The handlers that it is inside of, outermost first.
  var frames: [HandlerFrame] = []
  /// The handler that has just returned, and how many calls ago: interpreters (CPython: Modules/signalmodule.c, trip_signal) only note
  /// the signal in the handler, and run the program's own handler right after it.
  var returnedFrame: (frame: HandlerFrame, calls: Int)?
  private static let callsAfterReturn = 16

  /// Whether there is a handler on whose behalf it acts, and that: of the innermost frame, or the one that has just returned.
  var isHandling: Bool { !frames.isEmpty || returnedFrame != nil }
  var handler: HandlerFrame? { frames.last ?? returnedFrame?.frame }

  /// The call that it is inside of: since when, which, and on what.
  var openCall: OpenCall?
  /// The wait that it made last.
  var lastWait: OpenCall?
  /// Who holds the lock that it waits for in that call, where the lock tells: a tid.
  var lockedBy: Int32?
  /// Descriptors of the open wait call, for what is only known by number there.
  var openWaits: [WaitEntry] = []
  /// Of a thread that was there before the trace: its processor time then.
  var usageBefore: (running: UInt64, waiting: UInt64)?

  /// The thread begins another call, or so many; one that waits ends what it did for a handler.
  mutating func noteCall(_ operation: Operation, repeats: UInt32) {
    guard let returned = returnedFrame else { return }
    let waits =
      switch operation {
      case .wait, .sleep, .waitChild: true
      default: false
      }
    let calls = returned.calls + Int(repeats)
    returnedFrame = waits || calls > Self.callsAfterReturn ? nil : (returned.frame, calls)
  }

  /// The call has returned.
  @inline(__always)
  mutating func noteReturn(_ event: Event, _ syscall: Syscall, _ operation: Operation) {
    if case .wait = operation {
      lastWait = OpenCall(since: event.entered, syscall: syscall, operation: operation, stack: event.stack)
    }
    openCall = nil
    lockedBy = nil
  }

  /// As for a new thread, in the same storage.
  mutating func clear() {
    owner = .unknown
    frames.removeAll(keepingCapacity: true)
    openWaits.removeAll(keepingCapacity: true)
    returnedFrame = nil
    openCall = nil
    lastWait = nil
    lockedBy = nil
    usageBefore = nil
  }
}

/// A call that a thread is inside of, or the last of its kind.
public struct OpenCall: Sendable {
  public var since: Nanoseconds
  public var syscall: Syscall
  public var operation: Operation
  /// Where the thread stands in it.
  public var stack = StackID.none
}

/// Who a process is; like `ThreadState`, numbers only. Its threads, arguments and sight the World has.
public struct ProcessState: Sendable {
  public var id: ProcessID
  public var pid: Int32
  public var generation: UInt32
  public var parent: ProcessID?
  /// The thread that forked it.
  public var forkedBy: ThreadID
  public var started: Nanoseconds
  public internal(set) var ended: Nanoseconds?
  /// As wait(2) encodes it.
  public internal(set) var status: Int32?
  /// Whether it called exec since its fork (true for the root after its first).
  public internal(set) var hasExeced = false
  public internal(set) var lastExec: Nanoseconds?
  /// What the program's runtime calls it, and not only its thread.
  public internal(set) var givenName: StringID = .empty
  /// argv of its last exec, or its parent's, in the World's `arguments`.
  var arguments = ArenaRange.empty
  public internal(set) var path: StringID = .empty
  /// Slot of its signal table in `World.handlers`.
  var handlers: Int
  /// It was there before the trace.
  public internal(set) var predates = false
  /// It does I/O that makes no system calls.
  public internal(set) var usesRing = false
  /// Where the dead are forgotten: children that are not.
  var keptChildren: Int32 = 0

  public var isAlive: Bool { ended == nil }
  var hasExecedSinceFork: Bool { parent != nil && hasExeced }
}

/// What a process does with each signal, and who decided it. Shared under CLONE_SIGHAND, copied by fork.
struct HandlerTable: Sendable {
  struct Entry: Sendable {
    var disposition = SignalDisposition.standard
    var installer: ProcessID
  }

  var entries: [Entry]
  var users = 1

  init(owner: ProcessID) { entries = Array(repeating: Entry(installer: owner), count: 65) }

  subscript(signal: Int32) -> Entry {
    get { signal >= 0 && signal < 65 ? entries[Int(signal)] : entries[0] }
    set { if signal >= 0 && signal < 65 { entries[Int(signal)] = newValue } }
  }
}
