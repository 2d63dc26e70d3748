// Runs a program under trace, from its exec to the end of its last descendant, and writes what it does into a file.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

/// Why a trace could not be made.
public enum RecorderError: Error, CustomStringConvertible {
  /// The command does not exist.
  case notFound(String)
  /// It exists, and cannot be run.
  case cannotRun(String, errno: Int32)
  /// ptrace or seccomp refused.
  case refused(String)
  case file(TraceError)

  public var description: String {
    switch self {
    case .notFound(let command): "\(command): command not found"
    case .cannotRun(let command, let errno): "\(command): \(String(cString: strerror(errno)))"
    case .refused(let what): what
    case .file(let error): error.description
    }
  }
}

/// Records one launched program. All its calls are made by the thread that called `run`: a tracee obeys that one only.
public final class Recorder {
  public struct Outcome: Sendable {
    public let path: String
    /// The root's end as wait(2) encodes it.
    public let rootStatus: Int32
    public let events: UInt64
    /// When the root ended, in trace time, and how many threads it left behind that were followed to their end.
    public let rootEnded: Nanoseconds
    public let survivors: Int
    /// Whether the targets were ended on the user's demand.
    public let wasEnded: Bool
    /// Why the file is not whole, if it is not, and how many events it lacks.
    public let failure: TraceError?
    public let lost: UInt64
  }

  let writer: TraceWriter
  let root: Int32
  /// CLOCK_MONOTONIC at trace time 0: the root's exec.
  var start: Nanoseconds
  let payloadLimit: Int
  var world = World()
  var tables = TraceTables()
  var tracees: [Int32: Tracee] = [:]
  /// Children that were heard of before their parent's event named them.
  var unclaimed: [Int32: Newborn] = [:]
  var threadCount = 0
  var processCount = 0
  var generations: [Int32: UInt32] = [:]
  let noArena = Arena()
  /// False until the root's exec: what the launching child does is not the target's doing.
  var hasBegun = false
  private var rootStatus: Int32 = 0
  private var rootEnded: Nanoseconds = 0
  private var survivors = 0
  /// The root is in a group-stop; the terminal has asked us to stop as well.
  private var isRootStopped = false
  private var lastTerminalStop: Nanoseconds?
  private var lastInterrupt: Nanoseconds?
  private(set) var isEnding = false
  private var batch: [StatusSlot] = []

  private init(writer: TraceWriter, root: Int32, start: Nanoseconds, payloadLimit: Int) {
    self.writer = writer
    self.root = root
    self.start = start
    self.payloadLimit = payloadLimit
  }

  static func clock(_ id: clockid_t) -> Nanoseconds {
    var time = timespec()
    clock_gettime(id, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Time since the trace began.
  var now: Nanoseconds { Self.clock(CLOCK_MONOTONIC) - start }

  /// Launches `command` (argv, any bytes), follows it to the end and returns how that was. `path`: where the trace goes; by default
  /// `NAME.PID.flt` in the current folder.
  public static func record(
    command: [[UInt8]], path: String?, payloadLimit: Int
  ) throws(RecorderError) -> Outcome {
    let program = try Program.find(command)
    clinux_block_signals()
    let filter = SeccompFilter.everyCall()
    let root = launch(command, filter: filter)
    guard root > 0 else { throw .refused("cannot fork: \(String(cString: strerror(-root)))") }
    let output = path ?? "\(program.name).\(root).flt"
    let writer: TraceWriter
    do {
      writer = try TraceWriter(path: output, header: TraceHeader(started: clock(CLOCK_REALTIME)))
    } catch {
      clinux_abandon()
      throw .file(error)
    }
    let recorder = Recorder(
      writer: writer, root: root, start: clock(CLOCK_MONOTONIC), payloadLimit: payloadLimit)
    do {
      try Ptrace.seize(root, options: [.follow, .exitKill])
    } catch {
      clinux_abandon()
      throw .refused("\(error); see ptrace(2), /proc/sys/kernel/yama/ptrace_scope")
    }
    clinux_release()
    recorder.addRoot()
    do {
      try recorder.loop()
    } catch {
      throw .refused("\(error)")
    }
    let failure = clinux_launch_failure()
    if failure.stage != 0 {
      unlink(output)
      if failure.stage == 1 {
        throw .refused("seccomp refused the filter: \(String(cString: strerror(failure.error)))")
      }
      if failure.error == ENOENT { throw .notFound(program.text) }
      throw .cannotRun(program.text, errno: failure.error)
    }
    return recorder.finish()
  }

  private static func launch(_ command: [[UInt8]], filter: [UInt64]) -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] =
      command.map { strdup(($0 + [0]).map { CChar(bitPattern: $0) }) } + [nil]
    defer { for argument in arguments { free(argument) } }
    return filter.withUnsafeBufferPointer { filter in
      arguments.withUnsafeMutableBufferPointer { arguments in
        var launch = clinux_launch(
          arguments: UnsafePointer(arguments.baseAddress), filter: filter.baseAddress,
          filter_length: UInt16(filter.count))
        return clinux_launch_start(&launch)
      }
    }
  }

  private func finish() -> Outcome {
    var failed: TraceError?
    do throws(TraceError) { try writer.finish() } catch { failed = error }
    return Outcome(
      path: writer.path, rootStatus: rootStatus, events: writer.events, rootEnded: rootEnded,
      survivors: survivors, wasEnded: isEnding, failure: failed, lost: writer.lost)
  }

  // MARK: The loop

  private func loop() throws(PtraceError) {
    while true {
      var noTracees = false
      var ready = 0
      // All that is ready is taken before any of it is answered: wait gives the oldest tracee first, and one that stops
      // again at once would starve the others.
      while let status = Tracees.nextStatus(noTracees: &noTracees) {
        if ready == batch.count { batch.append(StatusSlot()) }
        batch[ready].put(consume status)
        ready += 1
      }
      for place in 0..<ready {
        if let status = batch[place].take() { try dispatch(status) }
      }
      if noTracees { return }
      try takeSignals(isBusy: ready > 0)
    }
  }

  /// Takes one signal; sleeps until one comes if no tracee has anything for us. CHLD says that one has, the others are for us.
  private func takeSignals(isBusy: Bool) throws(PtraceError) {
    // A parent that lives will tell of its child as soon as it is its turn: in this time, or it is gone.
    let signal = clinux_next_signal(isBusy ? 0 : unclaimed.isEmpty ? -1 : 20_000_000)
    switch signal {
    case 0: if !isBusy { try adoptOrphans() }
    case SIGTSTP, SIGTTIN, SIGTTOU:
      lastTerminalStop = now
      if isRootStopped { stopWithRoot() }
    case SIGINT, SIGQUIT:
      // The terminal gave it to the target as well. A second within a second means us too.
      let time = now
      if let last = lastInterrupt, time - last < 1_000_000_000 { end() }
      lastInterrupt = time
    case SIGTERM, SIGHUP:
      if tracees[root] != nil { kill(root, signal) } else { end() }
    default: break
    }
  }

  private func end() {
    isEnding = true
    for tid in tracees.keys { kill(tid, SIGKILL) }
    for tid in unclaimed.keys { kill(tid, SIGKILL) }
  }

  /// The terminal stops its whole foreground group; we do so after the root did, since its handler may have work to do first.
  private func stopWithRoot() {
    lastTerminalStop = nil
    kill(getpid(), SIGSTOP)
  }

  private func dispatch(_ status: consuming WaitStatus) throws(PtraceError) {
    switch consume status {
    case .ended(let tid, let raw): ended(tid, raw)
    case .stopped(let token): try stopped(token)
    }
  }

  private func ended(_ tid: Int32, _ raw: Int32) {
    if tid == root {
      rootStatus = raw
      rootEnded = now
      survivors = tracees.count - 1
    }
    guard let tracee = tracees.removeValue(forKey: tid) else {
      // Killed before its parent's event names it.
      newborn(tid).end(raw)
      return
    }
    tracee.process.threads -= 1
    if hasBegun { emit(tracee, .end(status: raw)) }
  }

  private func stopped(_ token: consuming StoppedTracee) throws(PtraceError) {
    let tid = token.tid
    guard let tracee = tracees[tid] else {
      if case .event(.exit) = token.reason {
        // It was killed where it stood, and must be let go to end.
        try token.resume(.run)
      } else {
        newborn(tid).park(token)
      }
      return
    }
    if tid == root { isRootStopped = false }
    switch token.reason {
    case .syscall: try syscallStop(tracee, token)
    case .event(.seccomp): try seccompStop(tracee, token)
    case .event(let event): try eventStop(tracee, event, token)
    case .signal(let signal): try signalStop(tracee, signal, token)
    case .groupStop:
      try token.resume(.listen)
      if tid == root {
        isRootStopped = true
        if let asked = lastTerminalStop, now - asked < 1_000_000_000 { stopWithRoot() }
      }
    }
  }

  private func newborn(_ tid: Int32) -> Newborn {
    if let known = unclaimed[tid] { return known }
    let new = Newborn()
    unclaimed[tid] = new
    return new
  }

  // MARK: Writing

  func emit(_ tracee: Tracee, _ body: Event.Body) {
    let time = now
    write(Event(thread: tracee.id, entered: time, exited: time, body: body), arena: noArena)
  }

  /// The same event to the file and to the model.
  func write(_ event: Event, arena: Arena) {
    writer.write(event, arena: arena)
    world.apply(event, arena: arena, tables: tables)
  }
}
