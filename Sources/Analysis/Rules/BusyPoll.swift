// busy-poll: a wait returns the same readiness again and again, and nobody consumes it. Report the spin first, then say
// who made the descriptor ready.
//
// Files and devices are always ready: of them only those count that are at their end, as reads of 0 say.
//
// Spared: waits between which bytes move, connections are accepted, timers are set anew, or another descriptor of the same
// wait makes progress; edge-triggered and one-shot entries, whose readiness the wait itself consumes (unless the
// thread arms them anew each time); loops that rest between returns; a thread that looks on for less than a second while another one of its
// process, which reads the channel again and again, has not come to it yet; objects whose data can be taken without a call (rings shared by mmap); returns for a number whose reads
// the tracer did not stop at.

import Lineage
import Trace

struct BusyPoll {
  /// A call other than a wait that took longer than this was blocked; shorter ones are the cost of the call, under trace.
  private static let instant: Nanoseconds = 300_000
  /// One return in so many may make progress (an own wakeup in between) without ending a streak.
  private static let tolerance: UInt64 = 8
  /// Streaks that ended with fewer returns are forgotten, unless they are many.
  private static let leastKept: UInt64 = 64
  private static let mostKept = 4096

  /// The trace is a part of a log: a short streak counts if the thread does nothing else there.
  var isExcerpt = false
  var pool = StreakPool()
  /// By the thread's slot among the living.
  var turns: ContiguousArray<Turn> = []
  var marks = ProgressMarks()
  private var finished: [Streak] = []
  private var waits: UInt64 = 0

  /// What a thread has been doing, and what its last wait returned.
  struct Turn {
    /// Time resting and in calls, in all, ns.
    var rest: Nanoseconds = 0
    var inCalls: Nanoseconds = 0
    /// Of these, what the last event's calls took after its first: a streak that begins with a run begins with its first call.
    var laterRest: Nanoseconds = 0
    var laterInCalls: Nanoseconds = 0
    /// What the last wait returned, until the next one: progress on one of them excuses the others.
    var ready: ContiguousArray<(streak: Int32, number: UInt32)> = []
    var hasProgress = false
    /// What the last wait returned and was no streak yet: the event, and the thread's totals then.
    var firsts: ContiguousArray<FirstReturn> = []
    /// Those of the wait before, while the next is looked at.
    var formerFirsts: ContiguousArray<FirstReturn> = []
    var event = FirstReturns()
    /// Waits and reads that returned.
    var waits: UInt64 = 0
    var time: Nanoseconds = 0
    var restThen: Nanoseconds = 0
    var inCallsThen: Nanoseconds = 0

    @inline(__always)
    mutating func note(_ took: Nanoseconds, isRest: Bool) {
      inCalls += took
      laterInCalls = 0
      laterRest = 0
      if isRest { rest += took }
    }

    /// What a run's calls took after the first.
    mutating func noteLater(_ event: Event, _ took: Nanoseconds, isRest: Bool) {
      laterInCalls = took - min(took, event.firstReturn - min(event.firstReturn, event.entered))
      laterRest = isRest ? laterInCalls : 0
    }

    /// The next wait has returned.
    @inline(__always)
    mutating func turnOver() {
      if firsts.isEmpty, formerFirsts.isEmpty { return }
      swap(&firsts, &formerFirsts)
      if !firsts.isEmpty { firsts.removeLast(firsts.count) }
    }
  }

  /// A call has returned.
  mutating func returned(
    _ event: Event, _ syscall: Syscall, _ result: CallResult, _ operation: Operation, _ thread: ThreadState,
    arena: Arena, world: World
  ) {
    let slot = Int(thread.slot)
    // Sleeps, waits that ended by their timeout, and calls that blocked are rest. A wait that returned something ready is
    // none, however long it seemed: what nobody consumes is ready at once, and the rest is the scheduler's and the tracer's
    // doing.
    switch operation {
    case .wait(let wait):
      account(event, slot, isRest: world.ready.isEmpty)
      returned(wait, event, thread, arena: arena, world: world)
      return
    case .sleep: account(event, slot, isRest: true)
    default: account(event, slot, isRest: event.timeInside >= Self.instant && event.meanTime >= Self.instant)
    }
    switch operation {
    case .close(let fd), .epollControl(_, 2, let fd, _, _), .duplicate(_, let fd, _):
      // Out of the wait set, or another open file now.
      if result.succeeded { endAll(of: thread.process, fd: fd) }
      return
    // sigtimedwait takes the signals that a signalfd reports.
    case .plain:
      if syscall == .rtSigtimedwait, result.rawValue > 0 { endAll(of: thread.process, kind: .signalfd) }
    default: break
    }
    if world.effect.channel < 0, case .transfer(let transfer) = operation, transfer.direction == .input {
      readFile(transfer, event, result, thread, world: world)
    }
    if world.effect.kind != .none { note(world.effect, event, thread, arena: arena, world: world) }
    if world.farEffect.kind != .none { note(world.farEffect, event, thread, arena: arena, world: world) }
  }

  @inline(__always)
  private mutating func account(_ event: Event, _ slot: Int, isRest: Bool) {
    let took = event.timeInside
    turns[slot].note(took, isRest: isRest)
    if event.repeats > 1 { turns[slot].noteLater(event, took, isRest: isRest) }
    if event.cycle > 1 { accountTurns(event, slot, isRest: isRest) }
  }

  /// Calls that go in turns with those of a streak, and come behind them in the trace, were made between them.
  private mutating func accountTurns(_ event: Event, _ slot: Int, isRest: Bool) {
    for index in 0..<pool.count(ofThread: Int32(slot)) {
      let place = Int(pool.streak(index, ofThread: Int32(slot)))
      guard pool.streaks[place].last >= event.firstReturn else { continue }
      let after = event.exited > pool.streaks[place].last ? event.meanTime : 0
      pool.streaks[place].inCalls = turns[slot].inCalls.less(pool.streaks[place].inCallsBefore + after)
      pool.streaks[place].rest = turns[slot].rest.less(pool.streaks[place].restBefore + (isRest ? after : 0))
    }
  }

  /// Another thread has got the slot.
  mutating func seat(_ slot: Int) {
    while turns.count <= slot { turns.append(Turn()) }
    leave(slot)
  }

  /// The thread of the slot has ended.
  mutating func leave(_ slot: Int) {
    while pool.count(ofThread: Int32(slot)) > 0 { end(pool.streak(0, ofThread: Int32(slot))) }
    turns[slot].rest = 0
    turns[slot].inCalls = 0
    turns[slot].ready.removeAll(keepingCapacity: true)
    turns[slot].firsts.removeAll(keepingCapacity: true)
    turns[slot].hasProgress = false
    turns[slot].waits = 0
  }

  // MARK: Progress

  private mutating func note(_ effect: Effect, _ event: Event, _ thread: ThreadState, arena: Arena, world: World) {
    if isExcerpt, [.read, .write, .accept, .clear].contains(effect.kind) { moved(thread) }
    guard effect.channel >= 0, effect.file >= 0 else { return }
    switch effect.kind {
    case .read, .accept, .clear:
      // What a thread wrote itself and reads again is no work of which others could be the reason.
      let isOwn = !world.taken.isEmpty && world.taken.allSatisfy { $0.writer == event.thread }
      progressed(
        effect.channel, at: world.files[Int(effect.file)].side, written: false, excuses: !isOwn, times: event.repeats,
        by: thread, world: world)
    case .write:
      progressed(
        effect.channel, at: world.files[Int(effect.file)].side, written: true, excuses: true, times: event.repeats,
        world: world)
    case .endOfFile:
      readNothing(effect, event, thread, side: world.files[Int(effect.file)].side, arena: arena, world: world)
    default: break
    }
  }

  /// Something moved in the process, which may be what an entry told of whose descriptor nobody knows.
  private mutating func moved(_ thread: ThreadState) {
    for first in turns[Int(thread.slot)].firsts where first.channel < 0 { turns[Int(thread.slot)].hasProgress = true }
    endAll(of: thread.process, unnamed: true)
  }

  /// A read is progress for whoever was told that there is input at that end; a write for whoever was told that there is room.
  private mutating func progressed(
    _ channel: Int32, at side: Side, written: Bool, excuses: Bool, times: UInt32, by reader: ThreadState? = nil,
    world: World
  ) {
    marks.note(channel, side, written: written, excuses: excuses)
    var place = pool.first(onChannel: channel)
    guard place >= 0 else { return }
    let isPair = world.channels[Int(channel)].kind == .socketpair
    while place >= 0 {
      let current = Int(place)
      place = pool.next(place)
      guard !isPair || pool.streaks[current].side == side,
        !written || pool.streaks[current].returned.contains(.output)
      else { continue }
      pool.streaks[current].progress += UInt64(times)
      if let reader, reader.id != pool.streaks[current].thread, reader.process == pool.streaks[current].process,
        world.channels[Int(channel)].use(by: reader.process)?.reads ?? 0 > UInt64(times)
      {
        pool.streaks[current].isServed = true
      }
      if excuses, pool.streaks[current].isInTurn {
        pool.streaks[current].hasProgressed = true
        turns[Int(pool.streaks[current].links.threadSlot)].hasProgress = true
      }
      if pool.streaks[current].progress * Self.tolerance > pool.streaks[current].returns { end(Int32(current)) }
    }
  }

  /// The thread goes back to wait: where it was told of several descriptors and one of them made progress, it was not idle.
  private mutating func settle(_ slot: Int) {
    for place in turns[slot].firsts.indices where !turns[slot].hasProgress {
      let first = turns[slot].firsts[place]
      turns[slot].hasProgress = marks.mark(first.channel, first.side).excuses(since: first.mark, for: first.returned)
    }
    if turns[slot].hasProgress {
      for place in turns[slot].firsts.indices { turns[slot].firsts[place].returns = 0 }
    }
    for place in turns[slot].ready.indices {
      let (index, number) = turns[slot].ready[place]
      let streak = Int(index)
      // It may have ended, and another have its storage.
      guard pool.streaks[streak].links.number == number else { continue }
      if turns[slot].hasProgress, !pool.streaks[streak].hasProgressed {
        pool.streaks[streak].returns -= min(pool.streaks[streak].returns, 1)
      }
      pool.streaks[streak].isInTurn = false
      pool.streaks[streak].hasProgressed = false
    }
    if !turns[slot].ready.isEmpty { turns[slot].ready.removeLast(turns[slot].ready.count) }
    turns[slot].hasProgress = false
  }

  // MARK: Streaks

  private mutating func end(_ place: Int32) {
    let returns = pool.streaks[Int(place)].returns
    let turn = turns[Int(pool.streaks[Int(place)].links.threadSlot)]
    pool.streaks[Int(place)].isAll = isExcerpt && returns >= Streak.leastOfExcerpt && returns * 4 >= turn.waits * 3
    if returns >= Self.leastKept || pool.streaks[Int(place)].isAll,
      returns >= Streak.threshold || finished.count < Self.mostKept,
      pool.streaks[Int(place)].isHot
    {
      finished.append(pool.streaks[Int(place)])
      pool.streaks[Int(place)].firsts = FirstReturns()
    }
    pool.end(place)
  }

  /// A channel is gone.
  mutating func endAll(onChannel slot: Int32) {
    while true {
      let place = pool.first(onChannel: slot)
      if place < 0 { return }
      end(place)
    }
  }

  /// Ends the process's streaks on a number, on a kind of object, or on entries that nobody knows.
  private mutating func endAll(of process: ProcessID, fd: FD? = nil, kind: ObjectKind? = nil, unnamed: Bool = false) {
    var index = pool.alive.count - 1
    while index >= 0 {
      let place = pool.alive[index]
      index -= 1
      guard pool.streaks[Int(place)].process == process, fd == nil || pool.streaks[Int(place)].fd == fd,
        kind == nil || pool.streaks[Int(place)].kind == kind, !unnamed || pool.streaks[Int(place)].isUnnamed
      else { continue }
      end(place)
    }
  }

  private mutating func returned(
    _ wait: Wait, _ event: Event, _ thread: ThreadState, arena: Arena, world: World
  ) {
    let slot = Int(thread.slot)
    settle(slot)
    // A look without a timeout that finds nothing is neither a turn nor a rest.
    if wait.timeout != 0 || !world.ready.isEmpty { turns[slot].waits += UInt64(event.repeats) }
    // An inner epoll instance whose wait returns something is consumed like a read.
    if wait.isEpoll, !world.ready.isEmpty, world.effect.channel >= 0 {
      progressed(
        world.effect.channel, at: .both, written: false, excuses: true, times: event.repeats, world: world)
    }
    waits += 1
    // Something else may make progress where nobody looks: that excuses the others, as seen progress would.
    let isSure = world.ready.allSatisfy { $0.isNews || $0.isSeen }
    turns[slot].turnOver()
    var hasUnnamed = false
    for told in world.ready where !told.isNews && told.isSeen || told.isUnnamed && isExcerpt && !hasUnnamed {
      var ready = told
      if told.isUnnamed {
        // The instance stands for what it told of.
        hasUnnamed = true
        ready.fd = wait.epoll
      }
      let side = ready.file >= 0 ? world.files[Int(ready.file)].side : .both
      var place = pool.find(event.thread, slot: thread.slot, channel: ready.channel, side: side, fd: ready.fd)
      if place >= 0,
        pool.streaks[Int(place)].isReading || pool.streaks[Int(place)].returned.isDisjoint(with: ready.returned)
      {
        end(place)
        place = -1
      }
      if place < 0 {
        place = second(ready, side, event, thread, world: world)
      }
      let times = Self.times(event, isNew: place < 0)
      if place < 0 {
        if event.repeats == 1, event.cycle == 1 {
          noteFirst(ready, side, slot: slot, isSure: isSure, isZeroTimeout: wait.timeout == 0, world: world)
          continue
        }
        place = begin(
          ready.fd, ready.returned, at: event.firstReturn, thread, channel: ready.channel, side: side, world: world)
      }
      let streak = Int(place)
      pool.streaks[streak].returned.formIntersection(ready.returned)
      if isSure { count(streak, event, times, slot: slot, channel: ready.channel, arena: arena, world: world) }
      if wait.timeout == 0 { pool.streaks[streak].zeroTimeouts += times }
      pool.streaks[streak].wait = waits
      if !pool.streaks[streak].isInTurn {
        pool.streaks[streak].isInTurn = true
        turns[slot].ready.append((place, pool.streaks[streak].links.number))
      }
    }
    endUnseen(wait, slot: thread.slot, of: event.thread, arena: arena, world: world)
    leaveFirsts(wait, event, thread, arena: arena, world: world)
  }

  /// What this wait asked about and did not return was not ready: that streak is over.
  private mutating func endUnseen(_ wait: Wait, slot: Int32, of thread: ThreadID, arena: Arena, world: World) {
    var index = pool.count(ofThread: slot) - 1
    // All of them were returned.
    if index < turns[Int(slot)].ready.count { return }
    while index >= 0 {
      let place = pool.streak(index, ofThread: slot)
      if pool.streaks[Int(place)].wait != waits, !pool.streaks[Int(place)].isReading,
        covers(wait, pool.streaks[Int(place)].fd, arena: arena, world: world, thread: thread)
      {
        end(place)
      }
      index -= 1
    }
  }

  /// Reads that return 0 without a wait between them: the end of the file is not taken for an answer.
  private mutating func readNothing(
    _ effect: Effect, _ event: Event, _ thread: ThreadState, side: Side, arena: Arena, world: World
  ) {
    let slot = Int(thread.slot)
    var place = pool.find(event.thread, slot: thread.slot, channel: effect.channel, side: side, fd: effect.fd)
    // After a wait that reported it, the read belongs to that streak.
    if place >= 0, !pool.streaks[Int(place)].isReading {
      pool.streaks[Int(place)].ends += UInt64(event.repeats)
      return
    }
    let times = Self.times(event, isNew: place < 0)
    if place < 0 {
      if isRemembered(effect.fd, effect.channel, side, thread, world: world) { return }
      place = begin(
        effect.fd, [.hangup, .input], at: event.firstReturn, thread, channel: effect.channel, side: side, world: world)
    }
    pool.streaks[Int(place)].isReading = true
    count(Int(place), event, times, slot: slot, channel: effect.channel, arena: arena, world: world)
  }

  /// A read of a file or device: these are always ready (fs/select.c, DEFAULT_POLLMASK), and at their end return 0.
  private mutating func readFile(
    _ transfer: Transfer, _ event: Event, _ result: CallResult, _ thread: ThreadState, world: World
  ) {
    let side = world.file(world.descriptor(transfer.fd, of: event.thread).file)?.side ?? .both
    let place = pool.find(event.thread, slot: thread.slot, channel: -1, side: side, fd: transfer.fd)
    guard place >= 0 else { return }
    if result.rawValue > 0 { return end(place) }
    if result.rawValue == 0, transfer.requested > 0, !transfer.positioned {
      pool.streaks[Int(place)].ends += UInt64(event.repeats)
    }
  }

  /// How often the event's call counts for a streak. Rounds of a cycle come singly before they are folded, so a streak that is not
  /// there when the run begins is ended by another call in each round.
  private static func times(_ event: Event, isNew: Bool) -> UInt64 {
    event.cycle > 1 && isNew ? 1 : UInt64(event.repeats)
  }

  private mutating func count(
    _ place: Int, _ event: Event, _ times: UInt64, slot: Int, channel: Int32, arena: Arena, world: World
  ) {
    pool.streaks[place].returns += times
    pool.streaks[place].last = times < event.repeats ? event.firstReturn : event.exited
    pool.streaks[place].rest = turns[slot].rest.less(pool.streaks[place].restBefore)
    pool.streaks[place].inCalls = turns[slot].inCalls.less(pool.streaks[place].inCallsBefore)
    pool.streaks[place].firsts.note(event, arena: arena)
    guard channel >= 0 else { return }
    let side = pool.streaks[place].side
    if pool.streaks[place].returned.contains(.input), !world.channels[Int(channel)].hasUnseenReads,
      // The write that keeps the queue ready: since it was last empty the first by another process, else the first.
      let surplus = world.surplus(of: channel, at: side, for: pool.streaks[place].process)
    {
      pool.streaks[place].culprit = surplus.segment
      pool.streaks[place].isCulpritNext = surplus.isNext
    }
    pool.streaks[place].closer =
      side == .write ? world.channels[Int(channel)].unheard : world.channels[Int(channel)].hungUp
  }

  mutating func begin(
    _ fd: FD, _ returned: Readiness, at time: Nanoseconds, _ thread: ThreadState, channel: Int32, side: Side,
    world: World
  ) -> Int32 {
    let slot = Int(thread.slot)
    let file = world.file(world.descriptor(fd, of: thread.id).file)
    let isFile = channel < 0 && (file?.kind == .file || file?.kind == .device)
    // An entry of its own that nobody knows: what is an instance's has a channel.
    let isUnnamed = isExcerpt && channel < 0 && file?.kind == .epoll
    let isKnown = channel >= 0 || returned.contains(.invalid) || isFile || isUnnamed
    var beginning = Streak.Beginning(
      thread: thread.id, process: thread.process, fd: fd, channel: 0, side: side, returned: returned,
      time: time, rest: turns[slot].rest - turns[slot].laterRest,
      inCalls: turns[slot].inCalls - turns[slot].laterInCalls, predates: false, waitingBefore: 0,
      isBlind: !isKnown || world.usesRing(thread.process))
    if isFile, let file {
      beginning.kind = file.kind
      beginning.creator = file.creator
    }
    if isUnnamed { beginning.kind = .epoll }
    if channel >= 0 {
      beginning.channel = world.channels[Int(channel)].serial
      beginning.kind = world.channels[Int(channel)].kind
      beginning.creator = world.channels[Int(channel)].creator
      beginning.predates = world.channels[Int(channel)].predates
      beginning.waitingBefore = world.waitingBefore(in: channel, at: side)
    }
    return pool.begin(beginning, threadSlot: thread.slot, channelSlot: channel)
  }

  /// Whether the wait would have reported the descriptor, had it been ready.
  func covers(_ wait: Wait, _ fd: FD, arena: Arena, world: World, thread: ThreadID) -> Bool {
    if wait.isEpoll {
      if isExcerpt, wait.epoll == fd { return true }
      // A result as long as was allowed says nothing of the rest.
      if wait.capacity > 0, world.ready.count >= Int(wait.capacity) { return false }
      let instance = world.descriptor(wait.epoll, of: thread).file
      return instance >= 0 && world.files[Int(instance)].interest.contains(fd: fd)
    }
    return arena.waits(wait.entries).contains { $0.fd == fd }
  }

  /// All spins.
  mutating func conclude() -> [Streak] {
    while let place = pool.alive.last { end(place) }
    return Streak.spins(finished)
  }
}
