// Holding the model against the kernel while everything stands still: what the lineage fuzzer asks for.

import Glibc
import Lineage
import Ptrace
import Trace

/// Every so many calls all tracees are brought to rest, and `compare` is shown the model and the threads that are alive.
public struct Checkpoint {
  /// How many events lie between two comparisons.
  public var interval: UInt64
  public var compare: (World, [(id: ThreadID, tid: Int32)]) -> Void

  public init(interval: UInt64, compare: @escaping (World, [(id: ThreadID, tid: Int32)]) -> Void) {
    self.interval = interval
    self.compare = compare
  }
}

extension Recorder {
  func checkpointIfDue() throws(PtraceError) {
    guard let checkpoint else { return }
    if !isHolding {
      guard hasBegun, writer.events >= nextCheckpoint else { return }
      nextCheckpoint = writer.events + checkpoint.interval
      isHolding = true
    }
    guard isAtRest else { return }
    // Whose neighbour was killed in a call while this one was held or asleep.
    for tracee in tracees.values where !tracee.hasEnded { reconcile(tracee) }
    checkpoint.compare(world, tracees.values.filter { ProcFS.isAlive($0.tid) }.map { ($0.id, $0.tid) })
    isHolding = false
    for tracee in tracees.values where !tracee.waitsForTurn { try release(tracee) }
  }

  /// Whether every tracee is held after a call, or asleep inside of one.
  private var isAtRest: Bool {
    guard unclaimed.isEmpty, unsettled.isEmpty else { return false }
    return tracees.values.allSatisfy { tracee in
      // Of a thread that has just been killed the end is still to come, and with it the doubt about its call.
      if !ProcFS.isAlive(tracee.tid) { return tracee.hasEnded || tracee.call == nil }
      return tracee.isHeld || ProcFS.isAsleep(tracee.tid)
    }
  }
}
