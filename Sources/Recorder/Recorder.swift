// Follows programs from stop to stop and writes what they do into a file. How tracing begins: Recorder+Launch, Recorder+Attach.

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

/// Records programs that it launched or attached to. All its calls are made by one OS thread: a tracee obeys that one only.
public final class Recorder {
  public struct Outcome: Sendable {
    public let path: String
    /// Where it can be read as long as we live: elsewhere if it went to a stream, or has no name.
    public let readablePath: String
    /// The root's end as wait(2) encodes it; 0 for programs that were attached to.
    public let rootStatus: Int32
    public let events: UInt64
    /// When the root ended, in the trace's time, and how many threads it left behind that were followed to their end.
    public let rootEnded: Nanoseconds
    /// How long after the programs' start the trace begins, since it has let go of its older part; else 0.
    public let begin: Nanoseconds
    public let survivors: Int
    /// Whether the targets were ended on the user's demand.
    public let wasEnded: Bool
    /// What the trace cost, by name.
    public let statistics: [(name: String, value: UInt64)]
    /// Why the file is not whole, if it is not, and how many events it lacks.
    public let failure: TraceError?
    /// It has grown to its limit.
    public let isFull: Bool
    public let lost: UInt64
  }

  /// Told of every event as it is written, with the texts and threads known so far.
  public typealias Observer = (Event, Arena, TraceTables) -> Void

  let writer: any TraceOutput
  /// The launched program, or 0.
  let root: Int32
  /// Launched programs stop by a filter of ours, attached ones at every call's entry and return.
  let hasFilter: Bool
  /// CLOCK_MONOTONIC at trace time 0: the root's exec.
  var start: Nanoseconds
  let payloadLimit: Int
  /// Texts of the target's are written as this leaves them.
  var redaction: Redaction?
  /// What launched programs are stopped at.
  let scope: Scope
  let observer: Observer?
  /// What the filter that launched programs begin with has armed.
  var armedAtStart: [ArmedRange] = []
  var counters = Counters()
  /// Nil if no stacks are taken.
  var stacks: StackAccount?
  /// The names of functions go into the trace.
  var embedsSymbols = false
  /// Tracees that wait to make a call for us.
  var injectors: [Tracee] = []
  /// Keeps cores awake while something is traced.
  let wakefulness: Wakefulness
  /// On CLOCK_MONOTONIC: when a stop came last, and when signals to us were looked for.
  private(set) var lastStop: Nanoseconds = 0
  private var lastSignalCheck: Nanoseconds = 0
  /// A tick has passed without a stop.
  var isQuiet = false
  /// Filters of ours needed NO_NEW_PRIVS in the target.
  var setNoNewPrivileges = false
  var world = World(keepsDead: false)
  var tables = TraceTables()
  var tracees: [Int32: Tracee] = [:]
  /// Tracees that stand still although they could go on, until it is known what their descriptors are.
  var unsettled: [Tracee] = []
  /// What forked children took out of epoll instances that others wait on.
  var muted: [MutedNumber] = []
  /// Whose turn it is to change a descriptor table (its slot in the World), and who waits for that.
  var turns: [Int: Tracee] = [:]
  var queue: [Tracee] = []
  /// Set while all tracees are being brought to rest: what could go on is held.
  var isHolding = false
  /// What compares the model with the kernel now and then (tests).
  var checkpoint: Checkpoint?
  var nextCheckpoint: UInt64 = 0
  /// Children that were heard of before their parent's event named them.
  var unclaimed: [Int32: Newborn] = [:]
  /// Threads that were killed while they forked.
  var diedForking: [ThreadID] = []
  var threadCount = 0
  var processCount = 0
  var generations: [Int32: UInt32] = [:]
  let noArena = Arena()
  /// False until the root's exec: what the launching child does is not the target's doing.
  var hasBegun = false
  var rootStatus: Int32 = 0
  private var rootEnded: Nanoseconds = 0
  private var survivors = 0
  /// Attached programs are let go then, in trace time.
  var deadline: Nanoseconds?
  /// Asked now and then, with attached programs: whether that was enough.
  var isEnough: () -> Bool = { false }
  /// The root is in a group-stop; the terminal has asked us to stop as well.
  var isRootStopped = false
  var rootStop: Int32 = SIGSTOP
  /// A target handles page faults itself.
  var hasFaultHandlers = false
  /// Children that our process had before it became faultline: not ours to wait for.
  var strangers: Set<Int32> = []
  var lastTerminalStop: Nanoseconds?
  var lastInterrupt: Nanoseconds?
  var isEnding = false
  var isLettingGo = false
  /// Attached programs are resumed without further stops at calls.
  var isLeaving = false
  /// The process that ended last: a signal of its may come after its end.
  var lastEnded: Int32 = 0
  /// The last signal that the root was given: number, sender, time.
  var lastDelivered: (signal: Int32, sender: Int32, time: Nanoseconds) = (0, 0, 0)
  /// A signal that was sent to us, and perhaps to the root as well.
  var toPassOn: (signal: Int32, sender: Int32, time: Nanoseconds)?
  /// Until then attached threads are awaited, in trace time; nil once they have gone on.
  var arrivalDeadline: Nanoseconds?
  /// When processor times are looked at next.
  var nextLook: Nanoseconds = 0
  var nextSleepLook: Nanoseconds = 0
  /// When threads without calls were last asked where they are.
  var lastSampling: Nanoseconds = 0
  private var batch: [StatusSlot] = []

  init(
    writer: any TraceOutput, root: Int32, hasFilter: Bool, start: Nanoseconds, payloadLimit: Int, scope: Scope = .all,
    wakefulness: Wakefulness = Wakefulness(pins: false), observer: Observer?
  ) {
    self.scope = scope
    self.wakefulness = wakefulness
    self.writer = writer
    self.root = root
    self.hasFilter = hasFilter
    self.start = start
    self.payloadLimit = payloadLimit
    self.observer = observer
    if let rolling = writer as? RollingTrace {
      rolling.standing = { [unowned self] in (world.retold { [unowned self] in self.writer.intern($0) }, world.now) }
    }
  }

  /// The file that a trace goes to.
  static func output(
    to destination: TraceDestination, beganAfterStart: Bool, settings: Settings
  ) throws(RecorderError) -> any TraceOutput {
    let header = TraceHeader(started: clock(CLOCK_REALTIME), beganAfterStart: beganAfterStart)
    do throws(TraceError) {
      return switch settings.kept {
      case .oldest: try TraceWriter(to: destination, header: header, limit: settings.limit)
      case .newest: try RollingTrace(to: destination, header: header, limit: settings.limit)
      }
    } catch {
      throw .file(error)
    }
  }

  static func clock(_ id: clockid_t) -> Nanoseconds {
    var time = timespec()
    clock_gettime(id, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Time since the trace began.
  var now: Nanoseconds { Self.clock(CLOCK_MONOTONIC) - start }

  func finish() -> Outcome {
    if embedsSymbols { stacks?.taker.tellNames() }
    let statistics = counters.list(
      events: writer.events, bytes: writer.size, isAwake: wakefulness.isLatencyHeld, isPinned: wakefulness.isPinned,
      spin: wakefulness.spinTime, stacks: stacks.map { ($0.taker.counters, $0.spent) })
    if hasBegun {
      for (name, value) in statistics {
        let time = now
        write(
          Event(
            thread: ThreadID(0), entered: time, exited: time,
            body: .counter(name: intern(Array(name.utf8)), value: value)), arena: noArena)
      }
    }
    var failed: TraceError?
    do throws(TraceError) { try writer.finish() } catch { failed = error }
    let begin = (writer as? RollingTrace)?.begin ?? 0
    if failed == nil, clinux_has_lost_pages() != 0 { failed = .unwritable(path: writer.path, errno: ESTALE) }
    return Outcome(
      path: writer.path, readablePath: writer.readablePath(), rootStatus: rootStatus, events: writer.events,
      rootEnded: rootEnded - min(rootEnded, begin), begin: begin,
      survivors: survivors, wasEnded: isEnding, statistics: statistics, failure: failed, isFull: writer.isFull,
      lost: writer.lost)
  }

  // MARK: The loop

  func loop() throws(PtraceError) {
    while !isLettingGo {
      let (ready, noTracees) = collect()
      for place in 0..<ready {
        if let status = batch[place].take() { try dispatch(status) }
      }
      if noTracees || tracees.isEmpty && unclaimed.isEmpty && !strangers.isEmpty { return }
      if hasErrands { try runErrands() }
      let time = Self.clock(CLOCK_MONOTONIC)
      if ready > 0 {
        lastStop = time
        isQuiet = false
        // Signals to us are rare, and a stop is not.
        guard time - lastSignalCheck >= 1_000_000 || clinux_has_signal() != 0 else { continue }
      }
      lastSignalCheck = time
      lookForSleepers()
      try takeSignals(isBusy: ready > 0)
    }
  }

  /// Whether anything but stops may wait to be done.
  private var hasErrands: Bool {
    !hasFilter || scope != .all || !unsettled.isEmpty || !queue.isEmpty || !injectors.isEmpty || checkpoint != nil
  }

  private func runErrands() throws(PtraceError) {
    try goOnAfterArrival()
    sampleRunning()
    lookForBurners()
    if !hasFilter { interruptSpared() }
    try settle()
    try giveTurns()
    try giveInjections()
    try checkpointIfDue()
  }

  /// All that is ready is taken before any of it is answered: wait gives the oldest tracee first, and one that stops again at once
  /// would starve the others. Soon after a stop the next one is looked out for without sleeping.
  private func collect() -> (ready: Int, noTracees: Bool) {
    var noTracees = false
    var ready = 0
    if wakefulness.spinTime > 0 {
      let wakeful = lastStop + wakefulness.spinTime
      repeat {
        ready = takeReady(after: 0, &noTracees)
      } while ready == 0 && !noTracees
        && Self.clock(CLOCK_MONOTONIC) < wakeful
      if ready > 0 || noTracees { return (ready, noTracees) }
    }
    setTicker()
    guard let status = Tracees.awaitStatus(noTracees: &noTracees) else { return (0, noTracees) }
    put(status, at: 0)
    // A lone tracee that has stopped stands still.
    ready = tracees.count == 1 ? 1 : takeReady(after: 1, &noTracees)
    return (ready, noTracees)
  }

  /// Takes all that is ready without sleeping; how many the batch then has.
  private func takeReady(after count: Int, _ noTracees: inout Bool) -> Int {
    var ready = count
    while let status = Tracees.nextStatus(noTracees: &noTracees) {
      put(status, at: ready)
      ready += 1
    }
    return ready
  }

  private func put(_ status: consuming WaitStatus, at place: Int) {
    if place == batch.count { batch.append(StatusSlot()) }
    batch[place].put(status)
  }

  /// Gives up all stops that are not answered; ptrace lets the tracees go, or ends them.
  func giveUp() {
    for slot in batch { slot.drop() }
    for tracee in tracees.values { tracee.drop() }
    for newborn in unclaimed.values { newborn.drop() }
  }

  func dispatch(_ status: consuming WaitStatus) throws(PtraceError) {
    switch consume status {
    case .ended(let tid, let raw): ended(tid, raw)
    case .stopped(let token):
      counters.note(token.reason)
      try stopped(token)
    }
  }

  private func ended(_ tid: Int32, _ raw: Int32) {
    if tid == root {
      rootStatus = raw
      rootEnded = now
      survivors = tracees.count - 1
    }
    if strangers.remove(tid) != nil { return }
    guard let tracee = tracees.removeValue(forKey: tid) else {
      // Killed before its parent's event names it.
      newborn(tid).end(raw)
      return
    }
    // A leader is reported when its threads have been (kernel/exit.c, delay_group_leader). Of one that was killed in an
    // exec, as soon as it had the leader's number and before it could stop, there is no other word.
    if tid == tracee.process.pid {
      for other in tracees.values where other.process === tracee.process {
        tracees[other.tid] = nil
        ended(other, raw)
      }
    }
    ended(tracee, raw)
  }

  private func ended(_ tracee: Tracee, _ raw: Int32) {
    tracee.drop()
    abandonInjection(tracee)
    endTurn(tracee)
    if case .spawn = tracee.call?.operation { diedForking.append(tracee.id) }
    lastEnded = tracee.process.pid
    tracee.process.threads -= 1
    guard hasBegun, !tracee.hasEnded else { return }
    doubtTable(of: tracee)
    emit(tracee, .end(status: raw))
  }

  func stopped(_ token: consuming StoppedTracee) throws(PtraceError) {
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
    tracee.stops &+= 1
    // A stop that was held has been overtaken by this one: the tracee was killed.
    tracee.drop()
    tracee.waitsForTurn = false
    tracee.waitsToInject = nil
    if let injection = tracee.injection {
      try injectionStop(tracee, injection, token)
      return
    }
    if !hasFilter { tracee.lastStop = now }
    if tid == root { isRootStopped = false }
    switch token.reason {
    case .syscall: try syscallStop(tracee, token)
    case .event(.seccomp): try seccompStop(tracee, token)
    case .event(let event): try eventStop(tracee, event, token)
    case .signal(let signal): try signalStop(tracee, signal, token)
    case .groupStop(let signal):
      tracee.wasStoppedInCall = true
      stopContinuing(tracee, token)
      if isArriving(tracee) {
        arrived(tracee, token)
        return
      }
      try token.resume(.listen)
      noteGroupStop(tracee, signal)
    }
  }

  func noteGroupStop(_ tracee: Tracee, _ signal: Int32) {
    guard tracee.tid == root else { return }
    isRootStopped = true
    rootStop = signal
    stopWithRootIfAsked()
  }

  private func newborn(_ tid: Int32) -> Newborn {
    if let known = unclaimed[tid] { return known }
    let new = Newborn()
    unclaimed[tid] = new
    return new
  }

  /// Lets a tracee go on to the next stop that matters: the return of the call that it is in, or the next call.
  func resume(_ tracee: Tracee, _ token: consuming StoppedTracee, signal: Int32 = 0) throws(PtraceError) {
    let isInCall = tracee.call.map { $0.interrupted == 0 } ?? false
    if isHolding, !isInCall {
      tracee.hold(token, signal: signal)
      return
    }
    if isLeaving {
      tracee.isFree = true
    } else if tracee.isArriving || tracee.isSampled {
      // Any stop takes back an interrupt that has not been answered (Linux 6.1, kernel/signal.c, ptrace_stop).
      try? Ptrace.interrupt(tracee.tid)
    }
    let stopsAtCalls =
      isInCall || !hasFilter || tracee.process.stopsAtAllCalls || tracee.isSummoned || tracee.isNoticed
      || tracee.probe != nil
    try token.resume(!isLeaving && stopsAtCalls ? .toSyscall : .run, signal: signal)
  }

  /// Lets a tracee go on that was held.
  func release(_ tracee: Tracee) throws(PtraceError) {
    let signal = tracee.heldSignal
    if let token = tracee.takeHeld() { try resume(tracee, token, signal: signal) }
  }

  // MARK: Writing

  func emit(_ tracee: Tracee, _ body: Event.Body) {
    let time = now
    write(Event(thread: tracee.id, entered: time, exited: time, body: body), arena: noArena)
  }

  func intern(_ text: [UInt8], as kind: TextKind = .plain) -> StringID {
    let text = redaction?.redacted(text, kind) ?? text
    let id = writer.intern(text)
    if observer != nil { try? tables.define(id, text) }
    return id
  }

  /// The same event to the file, to the model, and to who watches. True if the file had it folded into a run.
  @discardableResult
  func write(_ event: Event, arena: Arena) -> Bool {
    let isFolded = writer.write(event, arena: arena)
    world.apply(event, arena: arena, tables: tables)
    // Who watches may ask for them later.
    if world.hasForgotten, observer == nil { for id in world.takeForgotten() { tables.forget(id) } }
    observer?(event, arena, tables)
    return isFolded
  }
}
