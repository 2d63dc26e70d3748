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

public struct ThreadState: Sendable {
  public var id: ThreadID
  public var tid: Int32
  public var process: ProcessID
  /// Slot of its descriptor table in `World.tables`.
  public internal(set) var table: Int
  /// The thread that made it.
  public var parent: ThreadID
  public var started: Nanoseconds
  public internal(set) var ended: Nanoseconds?
  public internal(set) var name: StringID = .empty
  /// The handlers that it is inside of, outermost first.
  public internal(set) var frames: [HandlerFrame] = []
  /// The handler that has just returned, and how many calls ago: interpreters (CPython: Modules/signalmodule.c, trip_signal) only note
  /// the signal in the handler, and run the program's own handler right after it.
  var returnedFrame: (frame: HandlerFrame, calls: Int)?
  private static let callsAfterReturn = 16

  /// The handler on whose behalf the thread acts: that of the innermost frame, or the one that has just returned.
  public var actingHandler: HandlerFrame? { frames.last ?? returnedFrame?.frame }

  /// The thread begins another call, or so many; one that waits ends what it did for a handler.
  mutating func noteCall(waits: Bool, repeats: UInt32) {
    guard let returned = returnedFrame else { return }
    let calls = returned.calls + Int(repeats)
    returnedFrame = waits || calls > Self.callsAfterReturn ? nil : (returned.frame, calls)
  }

  /// The call that it is inside of: since when, which, and on what.
  public internal(set) var openCall: (since: Nanoseconds, syscall: Syscall, operation: Operation)?
  /// The wait that it made last.
  public internal(set) var lastWait: (syscall: Syscall, operation: Operation)?
  /// Who holds the lock that it waits for in that call, where the lock tells: a tid.
  public internal(set) var lockedBy: Int32?
  /// Descriptors of the open wait call, for what is only known by number there.
  public internal(set) var openWaits: [WaitEntry] = []
  /// CPU time and time spent runnable, ns, as last sampled.
  public internal(set) var running: UInt64 = 0
  public internal(set) var waiting: UInt64 = 0

  /// It was there before the trace; its processor time then.
  public internal(set) var predates = false
  var usageBefore: (running: UInt64, waiting: UInt64)?

  public var isAlive: Bool { ended == nil }
}

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
  /// argv of its last exec, or its parent's.
  public internal(set) var arguments: [StringID] = []
  public internal(set) var path: StringID = .empty
  public internal(set) var threads: [ThreadID] = []
  /// Slot of its signal table in `World.handlers`.
  var handlers: Int
  /// It was there before the trace.
  public internal(set) var predates = false
  /// What the tracer sees of it.
  public internal(set) var sight = Sight()
  /// It does I/O that makes no system calls.
  public internal(set) var usesRing = false

  public var isAlive: Bool { ended == nil }
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
