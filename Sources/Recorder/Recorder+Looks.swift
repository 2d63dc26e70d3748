// Short looks at all calls of one thread, for what filters do not show. A filter stops at waits and at armed numbers; what a thread
// does besides runs free. So a thread is looked at for 64 calls
//
// - that burns its core (/proc/PID/task/TID/schedstat) and is not seen to do it: in scope light its process is watched if the calls
//   show no progress, and a call that fails again and again is armed on its number;
// - whose calls bring nothing many times in a row: does it work between them, by calls that do not stop or in its own code? What
//   came of it is told as counters of the thread, since the trace would not show it.

import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How often processor times are looked at.
  static let lookInterval: Nanoseconds = 100_000_000
  /// How long a suspect that was looked at is left alone, at first; then twice as long each time.
  private static let firstPeace: Nanoseconds = 1_000_000_000
  private static let longestPeace: Nanoseconds = 60_000_000_000
  /// A suspect that makes no call for so long burns its core without any.
  private static let longestProbe: Nanoseconds = 200_000_000
  /// How many threads are looked at in one go.
  private static let mostLooked = 512
  /// A thread is looked at when so many of its calls in a row brought nothing; and again after a while, at first, and then at most.
  private static let lookedTurns = 256
  private static let firstLeisure: Nanoseconds = 100_000_000
  private static let longestLeisure: Nanoseconds = 8_000_000_000
  /// A wait with a shorter timeout is over at once (ns).
  private static let noTimeout: Int64 = 1_000

  /// Whether there may be threads that burn their cores by calls that do not stop. Wherever sleepers are looked for, these are, too, and
  /// more often.
  var looksForBurners: Bool { hasFilter && scope != .all }

  private func isHidden(_ process: TracedProcess) -> Bool {
    scope == .light ? !process.isWatched && !process.isSettling : !process.stopsEverywhere && !process.hasOwnFilter
  }

  /// Looks at who burns a core.
  func lookForBurners() {
    guard looksForBurners, hasBegun else { return }
    let time = now
    guard time >= nextLook else { return }
    nextLook = time + Self.lookInterval
    var looked = 0
    for tracee in tracees.values where isHidden(tracee.process) && !tracee.isHeld && !tracee.isExiting {
      if let begun = tracee.probeBegan, time - begun > Self.longestProbe { endProbe(tracee) }
      guard tracee.probe == nil, time >= tracee.process.peaceUntil, looked < Self.mostLooked else { continue }
      looked += 1
      guard let usage = ProcFS.usage(of: tracee.tid, in: tracee.process.pid),
        tracee.burn.note(running: usage.running, waiting: usage.waiting, at: time)
      else { continue }
      tracee.burn.clear()
      tracee.probe = Probe(isOfTurns: false)
      tracee.probeBegan = time
      counters.probes += 1
      try? Ptrace.interrupt(tracee.tid)
    }
  }

  /// A call has returned. Many in a row that bring nothing and do not wait are a spin, unless something is done between them.
  func noteTurn(_ call: PendingCall, result: Int64, _ tracee: Tracee) {
    let isTurn: Bool
    switch call.operation {
    case .wait(let wait): isTurn = result == 0 && wait.timeout >= 0 && wait.timeout < Self.noTimeout
    case .waitChild: isTurn = result <= 0
    case .transfer, .move, .accept, .connect, .lock: isTurn = result < 0
    case .sleep: isTurn = false
    case .setTimer:
      noteTimer(call, tracee)
      return
    default: return
    }
    guard isTurn else {
      tracee.turns = 0
      tracee.turnsAtLook = nil
      if result == 0 { tracee.pastTimers = 0 }
      return
    }
    tracee.turns += 1
    guard tracee.turns >= Self.lookedTurns, tracee.probe == nil, !isHolding, now >= tracee.nextLookAtTurns else {
      return
    }
    tracee.leisure = tracee.leisure == 0 ? Self.firstLeisure : min(tracee.leisure * 2, Self.longestLeisure)
    tracee.nextLookAtTurns = now + tracee.leisure
    tracee.probe = Probe(isOfTurns: true)
    counters.probes += 1
    countParks(tracee)
  }

  /// How often the thread slept between two looks: each stop is one voluntary switch (Linux 6.1, kernel/signal.c, ptrace_stop), and
  /// what is more was a call that does not stop.
  private func countParks(_ tracee: Tracee) {
    guard let switches = ProcFS.voluntarySwitches(of: tracee.tid) else { return }
    if let former = tracee.turnsAtLook {
      let parks = (switches &- former.switches) &- (tracee.stops &- former.stops)
      tell([(.parks, parks > UInt64(Int64.max) ? 0 : parks), (.turns, UInt64(tracee.turns - former.turns))], tracee)
    }
    tracee.turnsAtLook = (tracee.turns, switches, tracee.stops)
  }

  /// timerfd_settime(2): a moment that has passed makes the timer ready at once. Told at 256, 512, 1024, ...
  private func noteTimer(_ call: PendingCall, _ tracee: Tracee) {
    let memory = memory(of: tracee)
    guard let seconds = memory.load(call.argument(2) &+ 16, as: Int64.self),
      let rest = memory.load(call.argument(2) &+ 24, as: Int64.self), seconds != 0 || rest != 0
    else { return }
    let moment = seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ rest
    // TFD_TIMER_ABSTIME: of CLOCK_REALTIME if it is far from zero.
    let isAbsolute = call.argument(1) & 1 != 0
    let clock = isAbsolute ? Int64(Self.clock(seconds < 500_000_000 ? CLOCK_MONOTONIC : CLOCK_REALTIME)) : 0
    guard moment < clock &+ Self.noTimeout else {
      tracee.pastTimers = 0
      return
    }
    tracee.pastTimers += 1
    let count = tracee.pastTimers
    if count >= Self.lookedTurns, count & (count - 1) == 0 {
      emit(tracee, .counter(name: intern(Array(LookCounter.pastTimers.rawValue.utf8)), value: UInt64(count)))
    }
  }

  /// A suspect's stop at a call's entry or return.
  func probed(_ tracee: Tracee, _ stop: SyscallStop) {
    let running = tracee.probe?.isOfTurns == true ? ProcFS.usage(of: tracee.tid, in: tracee.process.pid)?.running : nil
    if stop.kind == .entry {
      tracee.probe?.entered = now
      tracee.probe?.entered(
        Syscall(Int(truncatingIfNeeded: stop.number)), fd: FD(truncatingIfNeeded: stop.arguments.0), running: running)
    } else if stop.kind == .exit {
      if hasFilter, tracee.call == nil, let syscall = tracee.probe?.lack(stop.result), let since = tracee.probe?.entered
      {
        write(
          Event(
            thread: tracee.id, phase: .whole, entered: since, exited: now,
            body: .call(syscall, CallResult(stop.result), .plain)), arena: tracee.arena)
      }
      tracee.probe?.returned(stop.result, running: running)
    }
    if tracee.probe?.isOver == true { endProbe(tracee) }
  }

  private func endProbe(_ tracee: Tracee) {
    guard let probe = tracee.probe else { return }
    tracee.probe = nil
    tracee.probeBegan = nil
    if probe.isOfTurns {
      tell(
        [
          (.calls, UInt64(probe.calls)), (.others, UInt64(probe.others)), (.stop, probe.stop), (.work, probe.work),
        ], tracee)
      return
    }
    armRetried(probe, tracee)
    if scope == .light, probe.isSuspicious {
      watch(tracee.process)
      return
    }
    let peace = tracee.process.peace == 0 ? Self.firstPeace : min(tracee.process.peace * 2, Self.longestPeace)
    tracee.process.peace = peace
    tracee.process.peaceUntil = now + peace
  }

  /// What fails again and again is seen from now on.
  private func armRetried(_ probe: Probe, _ tracee: Tracee) {
    for (syscall, fd) in probe.retried {
      guard case .armed(let families, 0) = SyscallTable.rule(syscall) else { continue }
      want(families.union(.closes), on: fd, tracee)
    }
    if wantsArming(tracee) { tracee.isSummoned = true }
  }

  /// What the analyzer could not know otherwise.
  private func tell(_ values: [(counter: LookCounter, value: UInt64)], _ tracee: Tracee) {
    for (counter, value) in values {
      emit(tracee, .counter(name: intern(Array(counter.rawValue.utf8)), value: value))
    }
  }
}
