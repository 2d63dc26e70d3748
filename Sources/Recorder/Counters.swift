// What a trace cost: counted by the recorder, shown by `trace --stats`, and written at the end of the trace.

import CLinux
import Glibc
import Ptrace
import Stacks

/// Stops, injected calls, and what the tracer did about latency.
struct Counters {
  var seccompStops: UInt64 = 0
  var syscallStops: UInt64 = 0
  var eventStops: UInt64 = 0
  var signalStops: UInt64 = 0
  var groupStops: UInt64 = 0
  /// Calls that were told by one stop, and calls that stopped and were not worth telling.
  var oneStopCalls: UInt64 = 0
  var passedCalls: UInt64 = 0
  var calls: UInt64 = 0
  var injections: UInt64 = 0
  var layers: UInt64 = 0
  var lookUps: UInt64 = 0
  /// Scope light: looks at the calls of suspects, and processes that were found worth watching.
  var probes: UInt64 = 0
  var watched: UInt64 = 0
  var stops: UInt64 { seccompStops + syscallStops + eventStops + signalStops + groupStops }

  mutating func note(_ reason: StopReason) {
    switch reason {
    case .syscall: syscallStops += 1
    case .event(.seccomp): seccompStops += 1
    case .event: eventStops += 1
    case .signal: signalStops += 1
    case .groupStop: groupStops += 1
    }
  }

  /// Names and values, in the order in which they are shown.
  func list(
    events: UInt64, bytes: UInt64, isAwake: Bool, isPinned: Bool, spin: UInt64,
    stacks: (counters: StackCounters, spent: UInt64)?
  ) -> [(
    name: String, value: UInt64
  )] {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func nanoseconds(_ time: timeval) -> UInt64 { UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1000 }
    return [
      ("stops", stops), ("stops-seccomp", seccompStops), ("stops-syscall", syscallStops), ("stops-event", eventStops),
      ("stops-signal", signalStops), ("stops-group", groupStops), ("syscalls-recorded", calls),
      ("one-stop-calls", oneStopCalls), ("passed-calls", passedCalls), ("events", events), ("injections", injections),
      ("injected-layers", layers), ("lookups", lookUps), ("probes", probes), ("watched", watched),
      ("stacks", stacks?.counters.taken ?? 0),
      ("stacks-same", stacks?.counters.same ?? 0), ("stacks-new", stacks?.counters.new ?? 0),
      ("stack-frames", stacks?.counters.frames ?? 0), ("stack-reads", stacks?.counters.reads ?? 0),
      ("stack-maps", stacks?.counters.maps ?? 0), ("stack-us", (stacks?.spent ?? 0) / 1000),
      ("bytes", bytes),
      ("tracer-cpu-ns", nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)),
      ("tracer-peak-kb", UInt64(usage.ru_maxrss)),
      ("latency-held", isAwake ? 1 : 0), ("spin-us", spin / 1000), ("pinned", isPinned ? 1 : 0),
    ]
  }
}
