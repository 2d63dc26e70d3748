// Letting attached programs go, so that no call of theirs notices; and, until then, looking where threads run that make none.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How long to wait for threads that make no calls before all are let go.
  private static let departureTime: Nanoseconds = 3_000_000
  /// How often a thread that makes no calls is asked where it is.
  private static let samplingInterval: Nanoseconds = 100_000_000

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

  /// Brings all threads to where they can be let go unnoticed: to run without stops, or to sleep in a call.
  ///
  /// A thread that is let go at a call's entry goes into that call as if a signal were pending, and so does one that was
  /// interrupted and did not stop yet: EINTR, or a short count (Linux 6.1, kernel/ptrace.c, __ptrace_unlink).
  private func settleToLeave() {
    isLeaving = true
    let begun = now
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
      clinux_tick(1_000_000)
      if let status = Tracees.awaitStatus(noTracees: &noTracees) { try? dispatch(status) }
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
  func leave() {
    settleToLeave()
    for tracee in tracees.values { sampleUsage(tracee, at: now, every: 0) }
    giveUp()
  }
}
