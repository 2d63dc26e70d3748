// What was there before: threads that are attached to arrive one by one, and while all stand still their processes are written
// down as /proc shows them.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// Enters a thread that was there before into the tables and the trace.
  func welcome(_ tid: Int32, of pid: Int32) {
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
    let words = ProcFS.arguments(of: pid).enumerated().map {
      Int32(truncatingIfNeeded: intern($1, as: .argument($0)).index)
    }
    let found = ExistingThread(
      parent: parent?.id ?? .unknown, files: sharer?.id ?? .unknown,
      execed: parent.map { ProcFS.layout(of: $0.tid) != ProcFS.layout(of: pid) } ?? true,
      path: intern(ProcFS.link("/proc/\(pid)/exe") ?? [], as: .code), arguments: arena.add(numbers: words))
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
    // At first nothing else is in the model than what is written down here.
    var arrivals = all.contains(where: \.process.isDescribed) ? nil : Arrivals()
    for tracee in all where !tracee.process.isDescribed {
      tracee.process.isDescribed = true
      isNew = true
      describeProcess(tracee, &arrivals)
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

  private func describeProcess(_ tracee: Tracee, _ arrivals: inout Arrivals?) {
    if let (caught, ignored) = ProcFS.signals(of: tracee.tid) {
      emit(tracee, .handlers(caught: caught, ignored: ignored, installer: .unknown))
    }
    let descriptors = ProcFS.descriptors(of: tracee.tid)
    for fd in descriptors {
      guard let found = ProcFS.descriptor(fd, of: tracee.tid) else { continue }
      let twin = arrivals?.twin(of: fd, found, in: tracee) ?? self.twin(of: fd, found, in: tracee, unsure: [])
      var existing = existing(fd, found, of: tracee, twin)
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
        takeStackOfStanding(tracee, isInCall: true, token)
        enter(tracee, syscall, shape, registers.arguments, entered: 0)
        tracee.call?.interrupted = registers.result
        tracee.call?.mayRestart = true
        tracee.call?.beganBefore = true
        noteLock(tracee)
      } else {
        note(registers, tracee)
        if registers.number < 0 { takeStackOfStanding(tracee, isInCall: false, token) }
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
      .running(module: intern(place?.file ?? [], as: .code), offset: place?.offset ?? registers.instructionPointer))
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
}

/// The open files that were written down while all stand still: each new number is compared with one number of each that may be it, so
/// that who has ten thousands of them does not stand still for long.
private struct Arrivals {
  private struct Object: Hashable {
    var kind: ObjectKind
    var inode: UInt64
  }

  private static let mostCompared = 4096

  private var known: [Object: [(thread: ThreadID, tid: Int32, fd: FD)]] = [:]

  mutating func twin(of fd: FD, _ found: ProcFS.Found, in tracee: Tracee) -> Recorder.Twin {
    let object = Object(kind: found.kind, inode: found.inode)
    var isUnknown = false
    for other in known[object] ?? [] {
      switch clinux_same_file(tracee.tid, fd, other.tid, other.fd) {
      case 1: return .found(other.thread, other.fd)
      case 0: continue
      default: isUnknown = true
      }
    }
    if known[object]?.count ?? 0 < Self.mostCompared {
      known[object, default: []].append((tracee.id, tracee.tid, fd))
    } else {
      isUnknown = true
    }
    return isUnknown ? .unknown(isContradicted: false) : .none
  }
}
