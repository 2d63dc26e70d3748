// How long a thread that waits in a loop stayed away from its wait: a callback or coroutine that blocks the loop, or computes for too
// long. No finding, since any program may do so; a line of the summary.

import Lineage
import Trace

struct LoopAbsence: Sendable {
  /// asyncio's slow_callback_duration, in debug mode: 0.1 s.
  static let least: Nanoseconds = 100_000_000
  /// At the end a program has other things to do.
  private static let leastAtEnd: Nanoseconds = 1_000_000_000
  /// A thread that waited less often is no loop.
  private static let leastWaits: UInt64 = 4

  /// The longest time between two waits.
  private struct Longest: Sendable {
    var time: Nanoseconds
    var from: Nanoseconds
    /// Where it was blocked for the greater part of that, if it was.
    var place: CallPlace?
    /// What the next wait found at once.
    var found: (fd: FD, kind: ObjectKind)?
  }

  private var waits: UInt64 = 0
  /// When the last wait returned, and the longest blocking call since.
  private var left: Nanoseconds = 0
  private var blocked: (place: CallPlace, time: Nanoseconds)?
  private var longest: Longest?

  /// A call other than a wait has blocked.
  mutating func noteBlocked(_ place: CallPlace, for time: Nanoseconds) {
    if time > blocked?.time ?? 0 { blocked = (place, time) }
  }

  @inline(__always)
  mutating func noteWait(_ event: Event, world: World) {
    if waits > 0, event.entered > left, event.entered - left >= Self.least { noteAbsence(event, world: world) }
    waits += UInt64(event.repeats)
    left = max(left, event.exited)
    if blocked != nil { blocked = nil }
  }

  private mutating func noteAbsence(_ event: Event, world: World) {
    let time = event.entered - left
    guard time > longest?.time ?? 0 else { return }
    var absence = Longest(time: time, from: left)
    if let blocked, blocked.time * 2 > time { absence.place = blocked.place }
    if event.firstReturn - min(event.firstReturn, event.entered) < 1_000_000, let ready = world.ready.first,
      ready.file >= 0
    {
      absence.found = (ready.fd, world.files[Int(ready.file)].kind)
    }
    longest = absence
  }

  /// In words, or nil where it never stayed away for long. `end`: the end of the thread or of the trace; `open`: the call that it is in.
  func words(until end: Nanoseconds, in open: CallPlace?, isWaiting: Bool) -> String? {
    guard waits >= Self.leastWaits else { return nil }
    let sinceLast = end - min(end, left)
    if !isWaiting, sinceLast >= Self.leastAtEnd, sinceLast > longest?.time ?? 0 {
      return "outside of its wait since \(Duration.moment(left))\(open.map { ", in \(ActivityMeter.words($0))" } ?? "")"
    }
    guard let longest else { return nil }
    let what = longest.place.map { ", mostly in \(ActivityMeter.words($0))" } ?? ""
    let found = longest.found.map { found in
      ", after which fd \(found.fd) (\(ObjectWords.noun(found.kind))) was ready already"
    }
    return
      "longest outside of its wait \(Duration.text(longest.time)) from \(Duration.moment(longest.from))\(what)\(found ?? "")"
  }
}
