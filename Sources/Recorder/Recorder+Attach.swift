// Attaching to programs that run, and letting them go.
//
// Every thread is seized and interrupted once; while all of them stand still, what was there before is written down. From
// then on they stop at each call's entry and return, since a filter could not be taken back. They are let go by the end of
// the thread that traces them: the kernel then detaches each as it is (Linux 6.1, kernel/ptrace.c, exit_ptrace), in the
// middle of a call or stopped, and no call is woken for it.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How long to wait for threads that do not stop, since they sleep uninterruptibly.
  private static let arrivalTime: Nanoseconds = 200_000_000
  /// How long to wait for threads that make no calls before all are let go.
  private static let departureTime: Nanoseconds = 3_000_000
  /// How long a running thread is looked at before it is interrupted.
  private static let lookingTime: Nanoseconds = 20_000_000
  /// How long a program may exec while we attach.
  private static let execTime: Nanoseconds = 5_000_000_000
  /// How often a thread that makes no calls is asked where it is.
  private static let samplingInterval: Nanoseconds = 100_000_000

  /// How long to stay, and what ends it sooner.
  public struct Stay {
    /// ns; nil: until SIGINT or SIGTERM, or the end of the programs.
    public var duration: Nanoseconds?
    /// Asked at least every 50 ms.
    public var isEnough: () -> Bool
    /// Take their descendants along, as far as they can be attached to.
    public var takesDescendants: Bool

    public init(
      duration: Nanoseconds? = nil, takesDescendants: Bool = false, isEnough: @escaping () -> Bool = { false }
    ) {
      self.duration = duration
      self.takesDescendants = takesDescendants
      self.isEnough = isEnough
    }
  }

  /// Attaches to all threads of the processes, follows them and their children to come, and lets them go.
  public static func attach(
    to pids: [Int32], path: String?, payloadLimit: Int, stay: Stay, observer: Observer? = nil
  ) throws(RecorderError) -> Outcome {
    clinux_block_signals()
    nonisolated(unsafe) var outcome: Result<Outcome, RecorderError> = .failure(.refused("cannot start a thread"))
    nonisolated(unsafe) let watcher = observer
    nonisolated(unsafe) let stay = stay
    // A tracee belongs to an OS thread, and is let go with it.
    OneThread.run {
      do throws(RecorderError) {
        outcome = .success(
          try follow(pids, path: path, payloadLimit: payloadLimit, stay: stay, observer: watcher))
      } catch {
        outcome = .failure(error)
      }
    }
    clinux_restore_signals()
    return try outcome.get()
  }

  private static func follow(
    _ pids: [Int32], path: String?, payloadLimit: Int, stay: Stay, observer: Observer?
  ) throws(RecorderError) -> Outcome {
    var processes: [Int32] = []
    for pid in pids {
      guard let family = ProcFS.family(of: pid) else { throw .refused("no process has the number \(pid)") }
      if let reason = Refusal.known(family.process) { throw .refused("cannot attach to \(pid): \(reason)") }
      if !processes.contains(family.process) { processes.append(family.process) }
    }
    let name = ProcFS.name(of: processes[0], in: processes[0]).map { String(decoding: $0, as: UTF8.self) } ?? "program"
    let output = path ?? "\(name.replacing("/", with: "_")).\(processes[0]).flt"
    let writer: TraceWriter
    do {
      writer = try TraceWriter(
        path: output, header: TraceHeader(started: clock(CLOCK_REALTIME), beganAfterStart: true))
    } catch {
      throw .file(error)
    }
    let recorder = Recorder(
      writer: writer, root: 0, hasFilter: false, start: clock(CLOCK_MONOTONIC), payloadLimit: payloadLimit,
      observer: observer)
    recorder.hasBegun = true
    recorder.strangers = Set(ProcFS.children(of: getpid())).subtracting(processes)
    recorder.arrivalDeadline = arrivalTime
    recorder.deadline = stay.duration
    recorder.isEnough = stay.isEnough
    do {
      for pid in processes { try recorder.seizeAll(of: pid) }
    } catch {
      recorder.leave()
      unlink(output)
      throw .refused("cannot attach: \(error); `faultline doctor` tells what is allowed")
    }
    if stay.takesDescendants {
      for pid in descendants(of: processes) where Refusal.known(pid) == nil { try? recorder.seizeAll(of: pid) }
    }
    do {
      try recorder.loop()
    } catch {
      recorder.leave()
      _ = recorder.finish()
      throw .refused("\(error)")
    }
    recorder.leave()
    return recorder.finish()
  }

  /// How many processes are taken along, at the most.
  private static let mostDescendants = 64

  private static func descendants(of processes: [Int32]) -> [Int32] {
    var found: [Int32] = []
    var next = processes[...]
    while let pid = next.popFirst(), found.count < mostDescendants {
      let children = ProcFS.children(of: pid).filter { !processes.contains($0) && !found.contains($0) }
      found += children
      next += children
    }
    return Array(found.prefix(mostDescendants))
  }

  /// Seizes thread after thread until a scan finds no new one.
  private func seizeAll(of pid: Int32) throws(PtraceError) {
    var isNew = true
    while isNew {
      isNew = false
      for tid in ProcFS.threads(of: pid) where tracees[tid] == nil {
        do {
          try seize(tid)
        } catch {
          // It has ended meanwhile (a leader before its threads, too), or was born of a thread that is seized already, and
          // will be heard of.
          if error.isGone || ProcFS.tracer(of: tid) == getpid() || !ProcFS.isAlive(tid) { continue }
          throw error
        }
        isNew = true
        welcome(tid, of: pid)
        guard let tracee = tracees[tid] else { continue }
        tracee.isSpared = isCutShortByInterrupt(tid)
        if !tracee.isSpared, ProcFS.syscall(of: tid) == nil, ProcFS.isRunning(tid) {
          // It may be in the midst of a transfer: a look at it while it sleeps will tell.
          tracee.isSpared = true
          tracee.sparedUntil = now + Self.lookingTime
        }
        if !tracee.isSpared { try? Ptrace.interrupt(tid) }
      }
    }
  }

  /// Seizes one thread. While another thread of its process execs, the kernel makes us wait for that, and the exec waits for threads
  /// that we have seized to end (Linux 6.1, fs/exec.c, de_thread, under cred_guard_mutex): those are answered meanwhile.
  private func seize(_ tid: Int32) throws(PtraceError) {
    let deadline = now + Self.execTime
    var refusals = 0
    while true {
      do {
        // Without TRACESECCOMP: a filter of the target's own that returns TRACE finds no tracer, as before.
        return try Ptrace.seize(tid, options: .follow.subtracting(.traceSeccomp), patience: 20)
      } catch {
        // A leader that has just ended is refused, and is a thread again when another takes its number by exec.
        let isPassing = error.errno == EPERM && refusals < 20 && ProcFS.tracer(of: tid) == 0 && ProcFS.isAlive(tid)
        guard error.errno == EAGAIN || isPassing, now < deadline else { throw error }
        if isPassing {
          refusals += 1
          usleep(1000)
        }
      }
      if ProcFS.tracer(of: tid) == getpid() { return }
      var noTracees = false
      while let status = Tracees.nextStatus(noTracees: &noTracees) { try dispatch(status) }
    }
  }

  /// Calls that return what they have done so far when they are interrupted.
  private static let notResumable: Set<Int> = Set(
    [
      Syscall.write, .writev, .pwrite64, .pwritev, .pwritev2, .sendto, .sendmsg, .sendmmsg, .sendfile, .splice, .tee,
      .vmsplice,
    ]
    .map { Int($0.number) })

  private func isCutShortByInterrupt(_ tid: Int32) -> Bool {
    guard let call = ProcFS.syscall(of: tid) else { return false }
    switch Syscall(call.number) {
    // MSG_WAITALL
    case .recvfrom: return call.arguments.3 & 0x100 != 0
    case .recvmsg: return call.arguments.2 & 0x100 != 0
    case .recvmmsg: return true
    default: return Self.notResumable.contains(call.number)
    }
  }

  /// Interrupts those that were spared and are out of their call.
  func interruptSpared() {
    for tracee in tracees.values where tracee.isSpared {
      let sleeps = ProcFS.syscall(of: tracee.tid) != nil
      if sleeps, isCutShortByInterrupt(tracee.tid) {
        tracee.sparedUntil = nil
      } else if sleeps || tracee.sparedUntil.map({ now >= $0 }) == true {
        tracee.isSpared = false
        try? Ptrace.interrupt(tracee.tid)
      }
    }
  }

  /// Enters a thread that was there before into the tables and the trace.
  private func welcome(_ tid: Int32, of pid: Int32) {
    let sibling = tracees.values.first { $0.process.pid == pid }
    let process = sibling?.process ?? TracedProcess(pid: pid, id: nextProcess())
    if sibling != nil { process.threads += 1 }
    let tracee = makeTracee(tid, process: process)
    tracee.isArriving = true
    tracee.waitChannel = ProcFS.waitChannel(of: tid)
    tracees[tid] = tracee
    let parent = ProcFS.family(of: pid).flatMap { tracees[$0.parent] }
    let sharer =
      sibling == nil ? tracees.values.first { $0 !== tracee && clinux_same_table($0.tid, tid) == 1 } : nil
    var arena = Arena()
    let words = ProcFS.arguments(of: pid).map { Int32(truncatingIfNeeded: intern($0).index) }
    let found = ExistingThread(
      parent: parent?.id ?? .unknown, files: sharer?.id ?? .unknown,
      execed: parent.map { ProcFS.layout(of: $0.tid) != ProcFS.layout(of: pid) } ?? true,
      path: intern(ProcFS.link("/proc/\(pid)/exe") ?? []), arguments: arena.add(numbers: words))
    let time = now
    write(Event(thread: tracee.id, entered: time, exited: time, body: .existingThread(found)), arena: arena)
    sampleName(tracee)
    sampleUsage(tracee, at: time, every: 0)
  }

  func isArriving(_ tracee: Tracee) -> Bool { tracee.isArriving }

  /// An attached thread's first stop.
  func arrived(_ tracee: Tracee, _ token: consuming StoppedTracee) {
    tracee.isArriving = false
    tracee.isSpared = false
    // What it was in when the trace began has returned meanwhile; with what, nobody saw.
    if tracee.call?.beganBefore == true { complete(tracee, result: CallResult.pending.rawValue) }
    tracee.arrival = try? token.registers()
    tracee.awaitsOthers = true
    tracee.hold(token, signal: 0)
    // Late: the others have gone on.
    if arrivalDeadline == nil { arrivalDeadline = 0 }
  }

  /// Once all stand still, or those that can: writes down what was there, and lets them go on.
  func goOnAfterArrival() throws(PtraceError) {
    guard let deadline = arrivalDeadline else { return }
    if now < deadline, tracees.values.contains(where: { $0.isArriving && !($0.isSpared && $0.sparedUntil == nil) }) {
      return
    }
    arrivalDeadline = nil
    let all = tracees.values.sorted { $0.id < $1.id }
    var isNew = false
    for tracee in all where !tracee.process.isDescribed {
      tracee.process.isDescribed = true
      isNew = true
      describeProcess(tracee)
    }
    if isNew { noteOutsiders() }
    for tracee in tracees.values where tracee.isArriving && tracee.call == nil {
      guard let call = ProcFS.syscall(of: tracee.tid), let shape = SyscallTable.shape(UInt64(call.number)) else {
        continue
      }
      enter(tracee, Syscall(call.number), shape, call.arguments, entered: 0)
      tracee.call?.beganBefore = true
    }
    for tracee in all where tracee.awaitsOthers { try goOn(tracee) }
  }

  private func describeProcess(_ tracee: Tracee) {
    if let (caught, ignored) = ProcFS.signals(of: tracee.tid) {
      emit(tracee, .handlers(caught: caught, ignored: ignored))
    }
    let descriptors = ProcFS.descriptors(of: tracee.tid)
    for fd in descriptors {
      guard let found = ProcFS.descriptor(fd, of: tracee.tid) else { continue }
      var existing = existing(fd, found, of: tracee)
      existing.waiting = ProcFS.waiting(fd, found.kind, of: tracee.process.pid)
      emit(tracee, .existing(existing))
    }
    for epoll in descriptors where world.isKind(.epoll, of: world.descriptor(epoll, of: tracee.id).file) {
      for entry in ProcFS.interest(of: epoll, tid: tracee.tid) {
        emit(tracee, .interest(epoll: epoll, fd: entry.fd, events: entry.events, data: entry.data))
      }
    }
    if ProcFS.usesRing(tracee.tid) { say(.ioUring, "it has one since before the trace", tracee) }
    if ProcFS.hasFilter(tracee.tid) { say(.ownFilter, "what its own seccomp filter denies is not seen", tracee) }
  }

  /// Writes down the call that a thread stood in, or where it ran, and lets it go on.
  private func goOn(_ tracee: Tracee) throws(PtraceError) {
    tracee.awaitsOthers = false
    guard let token = tracee.takeHeld() else { return }
    if let registers = tracee.arrival {
      tracee.arrival = nil
      if registers.number >= 0, (-516...(-512)).contains(registers.result) {
        let syscall = restarted(registers, tracee) ?? Syscall(Int(registers.number))
        let shape = SyscallTable.shape(UInt64(syscall.number)) ?? .plain
        enter(tracee, syscall, shape, registers.arguments, entered: 0)
        tracee.call?.interrupted = registers.result
        tracee.call?.mayRestart = true
        tracee.call?.beganBefore = true
        noteLock(tracee)
      } else {
        note(registers, tracee)
      }
    }
    if case .groupStop = token.reason {
      try token.resume(.listen)
      return
    }
    try resume(tracee, token)
  }

  /// What a thread does that stands in restart_syscall: its arguments are those of the first call, whose name is lost; the place
  /// in the kernel where it sleeps tells (Linux 6.1: fs/select.c, kernel/futex, kernel/time/hrtimer.c).
  private func restarted(_ registers: CallRegisters, _ tracee: Tracee) -> Syscall? {
    guard registers.number == Int64(Syscall.restartSyscall.number) else { return nil }
    let place = tracee.waitChannel
    if place.contains("poll") { return .poll }
    if place.contains("futex") { return .futex }
    // nanosleep has a pointer where clock_nanosleep has a clock.
    if place.contains("nanosleep") { return registers.arguments.0 > 4096 ? .nanosleep : .clockNanosleep }
    return nil
  }

  /// Writes down where a thread runs.
  func note(_ registers: CallRegisters, _ tracee: Tracee) {
    guard registers.number < 0 else { return }
    let place = ProcFS.module(at: registers.instructionPointer, of: tracee.tid)
    emit(
      tracee,
      .running(module: intern(place?.file ?? []), offset: place?.offset ?? registers.instructionPointer))
  }

  /// Writes down who holds the mutex that the thread waits for, where its words tell: those of a PI lock name the owner; other
  /// words may be anything, so that they must look like glibc's mutex, and name a thread that this process or a process that it
  /// was forked from has.
  private func noteLock(_ tracee: Tracee) {
    guard case .futex(let address, let operation, let value) = tracee.call?.operation else { return }
    let memory = memory(of: tracee)
    // Locks that processes share are another matter (FUTEX_PRIVATE_FLAG): their owner may be anybody.
    guard operation & 128 != 0, let word = memory.load(address, as: UInt32.self) else { return }
    switch operation & 0x7F {
    // FUTEX_WAIT of a lock with waiters. struct __pthread_mutex_s: lock, count, owner, nusers, kind.
    case 0 where value == 2 && word == 2:
      guard let owner = memory.load(address &+ 8, as: Int32.self), owner > 0,
        let users = memory.load(address &+ 12, as: UInt32.self), (1...65536).contains(users),
        let kind = memory.load(address &+ 16, as: UInt32.self), kind < 512,
        isOfFamily(owner, tracee.process.pid)
      else { return }
      emit(tracee, .lockedBy(tid: owner))
    // FUTEX_LOCK_PI, FUTEX_LOCK_PI2.
    case 6, 13:
      let owner = Int32(bitPattern: word & 0x3FFF_FFFF)
      if owner > 0, isOfFamily(owner, tracee.process.pid) { emit(tracee, .lockedBy(tid: owner)) }
    default: break
    }
  }

  private func isOfFamily(_ tid: Int32, _ pid: Int32) -> Bool {
    guard let family = ProcFS.family(of: tid) else { return false }
    var ancestor = pid
    while ancestor > 1 {
      if family.process == ancestor { return true }
      guard let next = ProcFS.family(of: ancestor)?.parent else { return false }
      ancestor = next
    }
    return false
  }

  /// Asks threads that burn their core without a call where they are.
  func sampleRunning() {
    guard !hasFilter, arrivalDeadline == nil else { return }
    let time = now
    guard time - lastSampling >= Self.samplingInterval else { return }
    lastSampling = time
    for tracee in tracees.values
    where tracee.call == nil && !tracee.isHeld && !tracee.isSampled && !tracee.isArriving {
      guard time - tracee.lastStop >= Self.samplingInterval, ProcFS.isRunning(tracee.tid) else { continue }
      tracee.isSampled = (try? Ptrace.interrupt(tracee.tid)) != nil
    }
  }

  private func noteOutsiders() {
    let wanted = Set(world.identities().map { ProcFS.Identity(kind: $0.kind, inode: $0.inode) })
    guard !wanted.isEmpty, let first = tracees.values.min(by: { $0.id < $1.id }) else { return }
    let traced = Set(tracees.values.map(\.process.pid))
    for pid in ProcFS.processes() where !traced.contains(pid) && pid != getpid() {
      for (fd, kind, inode) in ProcFS.channels(of: pid, among: wanted) {
        let name = intern(ProcFS.name(of: pid, in: pid) ?? [])
        emit(
          first,
          .outsider(
            Outsider(pid: pid, name: name, fd: fd, kind: kind, inode: inode, flags: ProcFS.flags(fd, of: pid))))
      }
    }
  }

  /// Brings all threads to where they can be let go unnoticed: to run without stops, or to sleep in a call.
  ///
  /// A thread that is let go at a call's entry goes into that call as if a signal were pending, and so does one that was
  /// interrupted and did not stop yet: EINTR, or a short count (Linux 6.1, kernel/ptrace.c, __ptrace_unlink).
  private func settleToLeave() {
    isLeaving = true
    let begun = now
    var sender: Int32 = 0
    for tracee in tracees.values where tracee.isHeld && !tracee.isArriving && tracee.arrival == nil {
      try? release(tracee)
    }
    while true {
      var noTracees = false
      while let status = Tracees.nextStatus(noTracees: &noTracees) { try? dispatch(status) }
      if arrivalDeadline != nil { try? goOnAfterArrival() }
      try? giveTurns()
      let time = now - begun
      let isLate = time >= Self.departureTime
      if noTracees || time >= Self.arrivalTime || !tracees.values.contains(where: { isUnderWay($0, isLate: isLate) }) {
        break
      }
      _ = clinux_next_signal(1_000_000, &sender)
    }
    guard arrivalDeadline != nil else { return }
    arrivalDeadline = 0
    try? goOnAfterArrival()
  }

  /// A thread that makes no calls for long is not awaited.
  private func isUnderWay(_ tracee: Tracee, isLate: Bool) -> Bool {
    if tracee.isArriving { return !(tracee.isSpared && tracee.sparedUntil == nil) }
    if tracee.isFree || tracee.isHeld || tracee.wasStoppedInCall { return false }
    return tracee.isSampled || !isLate && ProcFS.isRunning(tracee.tid)
  }

  /// The last word before the targets are let go. The end of this thread resumes what still stands.
  private func leave() {
    settleToLeave()
    for tracee in tracees.values { sampleUsage(tracee, at: now, every: 0) }
    giveUp()
  }
}

/// Runs a body on a thread of its own, to its end.
enum OneThread {
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  static func run(_ body: () -> Void) {
    withoutActuallyEscaping(body) { body in
      var thread = pthread_t()
      let box = Unmanaged.passRetained(Body(body))
      let failed = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
          return nil
        }, box.toOpaque())
      if failed == 0 {
        pthread_join(thread, nil)
      } else {
        box.release()
      }
    }
  }
}
