// The last round of a folded cycle, where it did not come to its end: its calls were made behind all the others of the run, while the
// run's events tell call by call. For a stretch that a call of the cycle ends, that makes a difference.

import Trace

struct HalfRound: Sendable {
  struct Part: Sendable {
    var meaning: FruitlessTurns.Meaning
    var event: Event
    var syscall: Syscall
    var result: CallResult
  }

  private var parts: ContiguousArray<Part> = []

  /// Notes an event of a cycle. True if it is the cycle's last, and one of its calls ends stretches.
  mutating func note(
    _ meaning: FruitlessTurns.Meaning, _ event: Event, _ syscall: Syscall, _ result: CallResult
  ) -> Bool {
    if let first = parts.first?.event,
      first.thread != event.thread || first.cycle != event.cycle || event.sequence < first.sequence
        || event.sequence - first.sequence >= UInt64(event.cycle)
    {
      parts.removeAll(keepingCapacity: true)
    }
    parts.append(Part(meaning: meaning, event: event, syscall: syscall, result: result))
    return parts.count == Int(event.cycle) && parts.contains { $0.meaning.endsStretch }
  }

  /// The calls of the round that was not ended, in their order, each as an event of its own.
  var rest: [Part] {
    let rounds = parts.map(\.event.repeats).min() ?? 0
    return parts.filter { $0.event.repeats > rounds && rounds > 0 }.map { part in
      var part = part
      part.event.entered = part.event.exited - min(part.event.exited, part.event.meanTime)
      part.event.repeats = 1
      part.event.cycle = 1
      part.event.span = 0
      part.event.inside = 0
      return part
    }
  }
}
