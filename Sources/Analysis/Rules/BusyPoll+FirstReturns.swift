// Most waits are followed by a read of what they returned: of these no streak is begun, their first returns are only remembered
// until the thread's next wait.

import Lineage
import Trace

/// A thread was told once that a descriptor is ready. Only if it is told so again without progress, this was a streak's
/// beginning: mostly it reads what is there.
struct FirstReturn {
  var fd: FD
  /// The channel's slot and serial; -1 and 0 for a closed number.
  var channel: Int32
  var serial: UInt32
  var side: Side
  var returned: Readiness
  var mark: ProgressMarks.Mark
  /// 1, or 0 where other progress excuses it.
  var returns: UInt64
  /// Whether it was one at all: where something else may make progress unseen, nothing is counted.
  var isCounted: Bool
  var isZeroTimeout: Bool
  /// It was returned again.
  var isSeen = false

  @inline(__always)
  func isOf(_ fd: FD, _ channel: Int32, _ side: Side) -> Bool {
    self.fd == fd && self.channel == channel && self.side == side
  }

  /// Whether it can still become a streak. `now`: its end's mark; `time`: when it was returned.
  @inline(__always)
  func isAlive(_ now: ProgressMarks.Mark, _ time: Nanoseconds, _ thread: ThreadID, _ world: World) -> Bool {
    if channel < 0 { return true }
    // The slot may be another channel's by now, the number another descriptor.
    return !now.isLater(than: mark, for: returned) && world.channels[Int(channel)].serial == serial
      && world.descriptor(fd, of: thread).since <= time
  }
}

extension BusyPoll {
  @inline(__always)
  mutating func noteFirst(
    _ ready: Ready, _ side: Side, slot: Int, isSure: Bool, isZeroTimeout: Bool, world: World
  ) {
    turns[slot].firsts.append(
      FirstReturn(
        fd: ready.fd, channel: ready.channel,
        serial: ready.channel >= 0 ? world.channels[Int(ready.channel)].serial : 0,
        side: side, returned: ready.returned, mark: marks.mark(ready.channel, side), returns: isSure ? 1 : 0,
        isCounted: isSure,
        isZeroTimeout: isZeroTimeout))
  }

  /// The second return without progress makes a streak of the first; -1 if this is no second.
  @inline(__always)
  mutating func second(_ ready: Ready, _ side: Side, _ event: Event, _ thread: ThreadState, world: World) -> Int32 {
    let slot = Int(thread.slot)
    for place in turns[slot].formerFirsts.indices
    where turns[slot].formerFirsts[place].isOf(ready.fd, ready.channel, side) {
      let known = turns[slot].formerFirsts[place]
      guard known.isAlive(marks.mark(known.channel, known.side), turns[slot].time, thread.id, world) else { return -1 }
      turns[slot].formerFirsts[place].isSeen = true
      return known.returned.isDisjoint(with: ready.returned) ? -1 : promote(known, thread, world: world)
    }
    return -1
  }

  /// Whether the thread's last wait returned the descriptor, and nothing has happened to it since.
  mutating func isRemembered(_ fd: FD, _ channel: Int32, _ side: Side, _ thread: ThreadState, world: World) -> Bool {
    let slot = Int(thread.slot)
    for place in turns[slot].firsts.indices where turns[slot].firsts[place].isOf(fd, channel, side) {
      let known = turns[slot].firsts[place]
      return known.isAlive(marks.mark(known.channel, known.side), turns[slot].time, thread.id, world)
    }
    return false
  }

  private mutating func promote(_ first: FirstReturn, _ thread: ThreadState, world: World) -> Int32 {
    let slot = Int(thread.slot)
    let streak = begin(
      first.fd, first.returned, at: turns[slot].time, thread, channel: first.channel, side: first.side, world: world)
    pool.streaks[Int(streak)].returns = first.returns
    pool.streaks[Int(streak)].zeroTimeouts = first.isZeroTimeout ? 1 : 0
    pool.streaks[Int(streak)].restBefore = turns[slot].restThen
    pool.streaks[Int(streak)].inCallsBefore = turns[slot].inCallsThen
    if first.isCounted { pool.streaks[Int(streak)].firsts.take(turns[slot].event) }
    return streak
  }

  /// The first returns of the wait before are over; but one that this wait did not ask about may go on.
  mutating func leaveFirsts(_ wait: Wait, _ event: Event, _ thread: ThreadState, arena: Arena, world: World) {
    let slot = Int(thread.slot)
    for place in turns[slot].formerFirsts.indices where !turns[slot].formerFirsts[place].isSeen {
      let known = turns[slot].formerFirsts[place]
      if known.isAlive(marks.mark(known.channel, known.side), turns[slot].time, thread.id, world),
        !covers(wait, known.fd, arena: arena, world: world, thread: event.thread)
      {
        _ = promote(known, thread, world: world)
      }
    }
    if turns[slot].firsts.isEmpty { return }
    turns[slot].keep(event, arena: arena)
  }
}

extension BusyPoll.Turn {
  /// Remembers the event that brought first returns.
  fileprivate mutating func keep(_ event: Event, arena: Arena) {
    self.event.clear()
    self.event.note(event, arena: arena)
    time = event.exited
    restThen = rest
    inCallsThen = inCalls
  }
}
