// Folded runs, told call by call: what a trace would be if nothing were folded. Times between the first and the last are
// put where they are on the average.

import Trace

public enum Unrolling {
  /// The batch's events, with a single one for each call.
  public static func events(of batch: EventBatch) -> [Event] {
    var unrolled: [Event] = []
    var place = 0
    while place < batch.events.count {
      let first = batch.events[place]
      var parts = [first]
      // The calls of a cycle stand together.
      while parts.count < Int(first.cycle), place + parts.count < batch.events.count {
        let next = batch.events[place + parts.count]
        guard next.thread == first.thread, next.cycle == first.cycle else { break }
        parts.append(next)
      }
      place += parts.count
      if parts.count == 1, first.repeats == 1 { unrolled.append(first) } else { unroll(parts, into: &unrolled) }
    }
    return unrolled
  }

  private static func unroll(_ parts: [Event], into unrolled: inout [Event]) {
    var last: Nanoseconds = 0
    for round in 0..<(parts.map(\.repeats).max() ?? 0) {
      for part in parts where round < part.repeats {
        var event = part
        event.repeats = 1
        event.cycle = 1
        event.span = 0
        event.inside = 0
        let others = Nanoseconds(max(1, part.repeats - 1))
        event.exited = max(last, part.firstReturn + part.span / others * Nanoseconds(round))
        if round > 0 {
          let firstTook = part.firstReturn - part.entered
          let took = (part.timeInside - min(part.timeInside, firstTook)) / others
          event.entered = max(last, event.exited - min(event.exited, took))
        }
        last = event.exited
        unrolled.append(event)
      }
    }
  }
}
