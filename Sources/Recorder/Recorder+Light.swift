// Scope light: the waits of a process run free until something makes them worth a stop. That is a foreign use of a channel that it
// has, seen in the forked child, or a thread that burns its core, seen by samples of /proc, and a short look at its calls
// (Recorder+Looks).
//
// Then one thread is interrupted; at its next call what the process has is written down, and filter layers are added that make its
// waits, and reads and writes of its channels, stop from then on.

import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How many descriptors of a process that is to be watched are looked at.
  private static let mostDescribed = 512
  /// How many threads are interrupted at once.
  private static let mostSummoned = 16

  // MARK: Signs

  /// A call begins: if it uses another process's channel, that process is watched from now on. Before the call is made, since a spin
  /// may follow at once.
  func noteForeignUse(by call: PendingCall, _ tracee: Tracee) {
    guard scope == .light, case .transfer(let transfer) = call.operation else { return }
    let slot = world.file(world.descriptor(transfer.fd, of: tracee.id).file)?.channel ?? -1
    guard world.isForeign(slot, to: tracee.process.id) else { return }
    for holder in world.holders(of: slot) where holder.process != tracee.process.id {
      // Siblings that inherited it as well are nobody's owners.
      guard world.descends(tracee.process.id, from: holder.process),
        let other = tracees.values.first(where: { $0.process.id == holder.process })
      else { continue }
      watch(other.process)
    }
  }

  // MARK: Watching

  /// From its next call on the process stops at its waits.
  func watch(_ process: TracedProcess) {
    if process.isSettling {
      process.isToBeWatched = true
      return
    }
    guard !process.isWatched, !process.hasOwnFilter, !process.stopsEverywhere else { return }
    process.isWatched = true
    process.wantsWaits = true
    counters.watched += 1
    summon(process)
  }

  /// The process stops at its next call, so that filters can be added. Who sleeps in a read or write of `number` is left there: begun
  /// anew, that call would find what has changed meanwhile.
  func summon(_ process: TracedProcess, sparing number: FD = -1) {
    let threads = tracees.values.filter { $0.process === process && !$0.isExiting && $0.injection == nil }
    // One is enough for the filters of all, but what the others do meanwhile would not be seen. An interrupt that would cut a call
    // short waits for the next call.
    for tracee in threads.prefix(Self.mostSummoned) {
      tracee.isSummoned = true
      if !tracee.isHeld, !isChangedByInterrupt(tracee), number < 0 || !isUsing(number, tracee.tid) {
        try? Ptrace.interrupt(tracee.tid)
      }
    }
  }

  private func isUsing(_ number: FD, _ tid: Int32) -> Bool {
    guard let call = ProcFS.syscall(of: tid), FD(truncatingIfNeeded: call.arguments.0) == number else { return false }
    switch SyscallTable.rule(Syscall(call.number)) {
    case .armed: return true
    default: return false
    }
  }

  /// The thread that was interrupted stands at a call's entry.
  func answerSummons(_ tracee: Tracee, _ stop: SyscallStop, _ token: consuming StoppedTracee) throws(PtraceError) {
    // While another thread adds a layer this one waits, so that nothing is missed.
    guard wantsArming(tracee) || tracee.process.space.injecting != nil, stop.architecture == Self.x86_64,
      stop.number < 0x4000_0000
    else {
      tracee.isSummoned = false
      return try resume(tracee, token)
    }
    try inject(tracee, at: .entry, token)
  }

  /// Writes down what the process has, with what waits in it, as far as it is a channel or watches one.
  func describeWatched(_ tracee: Tracee) {
    let numbers = ProcFS.descriptors(of: tracee.tid)
    let inQuestion = Set(numbers).union(world.openNumbers(of: tracee.id)).sorted().prefix(Self.mostDescribed)
    verify(inQuestion.filter { isChannel($0, tracee) }, of: tracee)
    var epolls: [FD] = []
    for fd in world.openNumbers(of: tracee.id).prefix(Self.mostDescribed) {
      guard let file = world.file(world.descriptor(fd, of: tracee.id).file) else { continue }
      if file.kind == .epoll { epolls.append(fd) }
      if [.pipe, .fifo, .eventfd, .socketpair].contains(file.kind), let found = ProcFS.descriptor(fd, of: tracee.tid) {
        var existing = existing(fd, found, of: tracee)
        existing.waiting = ProcFS.waiting(fd, found.kind, of: tracee.process.pid)
        emit(tracee, .existing(existing))
      }
      want(families(of: fd, tracee, isWaitedFor: fd > Self.standardNumbers.upperBound), on: fd, tracee)
    }
    for epoll in epolls {
      for entry in ProcFS.interest(of: epoll, tid: tracee.tid) {
        if !world.descriptor(entry.fd, of: tracee.id).isOpen { describe(entry.fd, of: tracee) }
        emit(tracee, .interest(epoll: epoll, fd: entry.fd, events: entry.events, data: entry.data))
        want(families(of: entry.fd, tracee, isWaitedFor: true), on: entry.fd, tracee)
      }
    }
    sampleUsage(tracee, at: now, every: 0)
  }

  private func isChannel(_ fd: FD, _ tracee: Tracee) -> Bool {
    if world.descriptor(fd, of: tracee.id).isOpen { return true }
    switch ProcFS.descriptor(fd, of: tracee.tid)?.kind {
    case .pipe, .fifo, .eventfd, .epoll, .signalfd, .timerfd, .inotify, .pidfd: return true
    default: return false
    }
  }
}
