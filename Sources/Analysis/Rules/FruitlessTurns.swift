// What zero-timeout-spin and retry-spin have in common: a thread's calls return at once and bring nothing, again and again. A turn is
// a wait that ended by a timeout of nothing, or a call that failed and is made again. Both rules judge the same stretch of turns, so
// that one spin is never told twice.
//
// A stretch ends when the thread rests (a sleep, a wait with a timeout that came to its end, a call that blocked) or makes progress.
// Calls that do not stop are known from a short look at all calls (Recorder+Looks): without one nobody can say that the thread does
// nothing else.

import Lineage
import Trace

struct FruitlessTurns: Sendable {
  /// netty's (io.netty.selectorAutoRebuildThreshold).
  static let threshold: UInt64 = 512
  /// A timeout below 1 µs was meant as none, although the kernel rounds it up by the timer slack of 50 µs (prctl(2)).
  private static let noTimeout: Int64 = 1_000
  /// A call that lasted longer was blocked, unless it cannot block.
  private static let instant: Nanoseconds = 1_000_000
  private static let mostKept = 4096

  /// The trace is a part of a log: a short stretch counts if the thread does nothing else there.
  var isExcerpt = false
  /// By the thread's slot among the living.
  private var stretches: ContiguousArray<FruitlessStretch> = []
  private(set) var finished: [FruitlessStretch] = []
  private var round = HalfRound()
  /// Of an excerpt, by slot: turns, and calls that were none.
  private var totals: ContiguousArray<UInt64> = []

  /// What a call is to the stretch.
  enum Meaning: Sendable {
    case nothing, rest, progress
    /// A wait without a timeout; `isTiny`: with one of nanoseconds.
    case probe(isTiny: Bool, fd: FD)
    /// A wait that found a timer which had been set to the past.
    case pastTimer(fd: FD)
    case failure(fd: FD, requested: UInt64)

    /// Whether the call is a turn, or something else that a thread does.
    var counts: Bool {
      if case .nothing = self { false } else { true }
    }

    var endsStretch: Bool {
      switch self {
      case .rest, .progress: true
      default: false
      }
    }
  }

  mutating func seat(_ slot: Int) {
    while stretches.count <= slot {
      stretches.append(FruitlessStretch())
      totals.append(0)
    }
    leave(slot)
    totals[slot] = 0
    stretches[slot].look = nil
    stretches[slot].setsPastTimers = false
  }

  /// The thread of the slot has ended.
  mutating func leave(_ slot: Int) { end(slot) }

  /// A counter is any number; no tracer counts so far.
  private static let mostCounted: UInt64 = 1 << 40

  mutating func looked(_ slot: Int, _ counter: LookCounter, _ value: UInt64) {
    let value = min(value, Self.mostCounted)
    switch counter {
    case .calls: stretches[slot].newLook = FruitlessStretch.Look(calls: value)
    case .others: stretches[slot].newLook.others = value
    case .stop: stretches[slot].newLook.stop = value
    case .work:
      stretches[slot].newLook.work = value
      stretches[slot].noteLook()
    case .pastTimers: stretches[slot].setsPastTimers = true
    case .parks: stretches[slot].parks = min(stretches[slot].parks + value, Self.mostCounted)
    case .turns: stretches[slot].countedTurns = min(stretches[slot].countedTurns + value, Self.mostCounted)
    }
  }

  /// A call has returned.
  @inline(__always)
  mutating func returned(
    _ event: Event, _ syscall: Syscall, _ result: CallResult, _ operation: Operation, _ thread: ThreadState,
    arena: Arena, world: World
  ) {
    let slot = Int(thread.slot)
    // Most calls bring something, and there is no stretch that they could end.
    if stretches[slot].turns == 0, result.rawValue > 0, !stretches[slot].setsPastTimers, event.cycle == 1, !isExcerpt {
      return
    }
    let meaning = meaning(event, result, operation, thread, slot, arena: arena, world: world)
    take(meaning, event, syscall, result, thread, arena: arena, world: world)
    guard event.cycle > 1, round.note(meaning, event, syscall, result) else { return }
    for part in round.rest {
      take(part.meaning, part.event, part.syscall, part.result, thread, arena: arena, world: world)
    }
  }

  private mutating func take(
    _ meaning: Meaning, _ event: Event, _ syscall: Syscall, _ result: CallResult, _ thread: ThreadState, arena: Arena,
    world: World
  ) {
    let slot = Int(thread.slot)
    let isAlive = stretches[slot].turns > 0
    if isExcerpt, meaning.counts { totals[slot] += UInt64(event.repeats) }
    switch meaning {
    case .nothing: break
    case .rest:
      if isAlive { end(slot, byRest: true) }
      stretches[slot].setsPastTimers = false
      return
    case .progress:
      if isAlive { end(slot, byProgress: true) }
      return
    case .probe(let isTiny, let fd):
      let times = begin(slot, event, thread, world: world)
      stretches[slot].probes += times
      if isTiny { stretches[slot].tiny += times }
      stretches[slot].noteProbe(syscall, fd, times, event.thread, world: world)
      count(slot, event, times, arena: arena)
    case .pastTimer(let fd):
      let times = begin(slot, event, thread, world: world)
      stretches[slot].probes += times
      stretches[slot].timers += times
      stretches[slot].noteProbe(syscall, fd, times, event.thread, world: world)
      count(slot, event, times, arena: arena)
    case .failure(let fd, let requested):
      let times = begin(slot, event, thread, world: world)
      stretches[slot].noteFailure(syscall, fd, result.errno, requested, times, event.thread, world: world)
      count(slot, event, times, arena: arena)
    }
    guard stretches[slot].turns > 0 else { return }
    stretches[slot].inCalls += event.timeInside
    if event.timeInside == 0 { stretches[slot].untimed += UInt64(event.repeats) }
  }

  private func meaning(
    _ event: Event, _ result: CallResult, _ operation: Operation, _ thread: ThreadState, _ slot: Int, arena: Arena,
    world: World
  ) -> Meaning {
    switch operation {
    case .wait(let wait):
      if result.errno == 4 { return wait.timeout == 0 ? .nothing : .rest }
      let first = wait.isEpoll ? wait.epoll : wait.entries.isEmpty ? -1 : arena.waits[Int(wait.entries.offset)].fd
      if result.failed { return .failure(fd: first, requested: 0) }
      if result.rawValue == 0 {
        guard wait.timeout >= 0, wait.timeout < Self.noTimeout else { return .rest }
        return .probe(isTiny: wait.timeout > 0, fd: first)
      }
      // Told again of what a failing call leaves there: no rest, and no progress either. Else what it found is taken.
      if stretches[slot].setsPastTimers, let timer = Self.onlyTimer(world) { return .pastTimer(fd: timer) }
      let isSeen = !world.ready.isEmpty && world.ready.allSatisfy { $0.isSeen && !$0.isEdge }
      return isSeen && stretches[slot].isOfLackingMeans ? .nothing : .progress
    case .sleep: return .rest
    case .waitChild:
      if result.rawValue == 0 { return .probe(isTiny: false, fd: -1) }
      return result.failed ? .failure(fd: -1, requested: 0) : .progress
    case .transfer(let transfer):
      if stretches[slot].setsPastTimers, world.effect.file >= 0, world.files[Int(world.effect.file)].kind == .timerfd {
        return .nothing
      }
      if result.rawValue > 0 { return transfer.direction == .output && transfer.fd == 2 ? .nothing : .progress }
      guard result.failed else { return .nothing }
      return failure(
        event, result.errno, transfer.fd, transfer.requested, isOutput: transfer.direction == .output,
        cannotBlock: transfer.flags & 0x40 != 0, thread, world: world)
    case .accept(let fd, _):
      guard result.failed else { return .progress }
      return failure(event, result.errno, fd, 0, isOutput: false, cannotBlock: false, thread, world: world)
    case .connect(let fd, _):
      guard result.failed else { return .progress }
      return failure(event, result.errno, fd, 0, isOutput: false, cannotBlock: false, thread, world: world)
    case .move(let from, _, let requested, _):
      guard result.failed else { return result.rawValue > 0 ? .progress : .nothing }
      return failure(event, result.errno, from, requested, isOutput: false, cannotBlock: false, thread, world: world)
    case .epollControl(_, _, let fd, _, _):
      // ADD of what is there and DEL of what is not are answers.
      return result.failed && [9, 12, 28].contains(result.errno) ? .failure(fd: fd, requested: 0) : .nothing
    case .lock(let fd, _):
      if result.errno == 11 { return .failure(fd: fd, requested: 0) }
      return isBlocked(event) ? .rest : .nothing
    // A look at all calls tells of those that do not stop as plain ones.
    case .plain where RetrySpin.lacks.contains(result.errno) && result.errno != 9:
      return .failure(fd: -1, requested: 0)
    case .create, .pipe, .socketPair, .socket, .duplicate, .open:
      return RetrySpin.lacks.contains(result.errno) && result.errno != 9 ? .failure(fd: -1, requested: 0) : .nothing
    case .spawn, .exec: return .progress
    case .futex, .plain: return isBlocked(event) ? .rest : .nothing
    default: return .nothing
    }
  }

  /// The timer that the wait found, if it found nothing else.
  private static func onlyTimer(_ world: World) -> FD? {
    guard let first = world.ready.first, world.ready.count == 1, first.file >= 0,
      world.files[Int(first.file)].kind == .timerfd
    else { return nil }
    return first.fd
  }

  private func isBlocked(_ event: Event) -> Bool { event.meanTime >= Self.instant }

  /// A call that failed, as one that may be made again for nothing.
  private func failure(
    _ event: Event, _ errno: Int32, _ fd: FD, _ requested: UInt64, isOutput: Bool, cannotBlock: Bool,
    _ thread: ThreadState, world: World
  ) -> Meaning {
    guard RetrySpin.errors.contains(errno) else { return .nothing }
    // Who writes on although nobody can hear it does not wait for an answer.
    if isOutput, errno != RetrySpin.again, errno != 12, errno != 105 { return .nothing }
    if errno == RetrySpin.again, !cannotBlock, isBlocked(event) {
      // A blocking descriptor with a timeout of its own (SO_RCVTIMEO) has waited.
      let file = world.descriptor(fd, of: thread.id).file
      if file < 0 || !world.files[Int(file)].nonblocking { return .rest }
    }
    return .failure(fd: fd, requested: requested)
  }

  /// How often the event's call counts. Rounds of a cycle come singly before they are folded, so a stretch that is not there when
  /// the run begins is ended by another call in each round.
  private mutating func begin(_ slot: Int, _ event: Event, _ thread: ThreadState, world: World) -> UInt64 {
    if stretches[slot].turns > 0 { return UInt64(event.repeats) }
    stretches[slot].restart(event, thread, isBlind: world.usesRing(thread.process))
    return event.cycle > 1 ? 1 : UInt64(event.repeats)
  }

  private mutating func count(_ slot: Int, _ event: Event, _ times: UInt64, arena: Arena) {
    stretches[slot].turns += times
    stretches[slot].last = times < event.repeats ? event.firstReturn : event.exited
    stretches[slot].firsts.note(event, arena: arena)
  }

  private mutating func end(_ slot: Int, byRest: Bool = false, byProgress: Bool = false) {
    guard stretches[slot].turns > 0 else { return }
    let turns = stretches[slot].turns
    stretches[slot].isAll = isExcerpt && turns >= FruitlessStretch.leastOfExcerpt && turns * 4 >= totals[slot] * 3
    if turns >= Self.threshold || stretches[slot].isAll, !stretches[slot].isBlind, finished.count < Self.mostKept {
      stretches[slot].endedByRest = byRest
      stretches[slot].endedByProgress = byProgress
      finished.append(stretches[slot])
      stretches[slot].firsts = FirstReturns()
    }
    stretches[slot].turns = 0
  }

  /// All stretches of some length, those that last to the end included.
  mutating func conclude() -> [FruitlessStretch] {
    for slot in stretches.indices { end(slot) }
    return finished
  }
}
