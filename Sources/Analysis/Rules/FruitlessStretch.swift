// A stretch of a thread's turns that bring nothing: how many of which kind, and what else the thread does.

import Lineage
import Trace

struct FruitlessStretch: Sendable {
  /// One call that fails, with one error.
  struct Failure: Sendable {
    var syscall: Syscall
    var fd: FD
    var errno: Int32
    var requested: UInt64
    var object: Object
    var count: UInt64 = 0
  }

  /// What a call is made on.
  struct Object: Sendable {
    var fd: FD
    /// Serial numbers; 0 for none.
    var file: UInt32 = 0
    var channel: UInt32 = 0
    var kind: ObjectKind?
    var creator: ThreadID?

    init(_ fd: FD, of thread: ThreadID, world: World) {
      self.fd = fd
      let slot = fd >= 0 ? world.descriptor(fd, of: thread).file : -1
      guard slot >= 0 else { return }
      file = world.files[Int(slot)].serial
      kind = world.files[Int(slot)].kind
      creator = world.files[Int(slot)].creator
      let place = world.files[Int(slot)].channel
      if place >= 0 { channel = world.channels[Int(place)].serial }
    }
  }

  /// What a short look at all calls showed.
  struct Look: Sendable {
    var calls: UInt64
    var others: UInt64 = 0
    /// Processor time between two calls, and what a stop costs the thread: there is no better measure of how fast it is just then.
    var work: Nanoseconds = 0
    var stop: Nanoseconds = 0
    /// How many looks this is the sum of.
    var count = 1

    /// Nothing but the loop itself: several looks agree that what is between its calls takes less than half of what a stop takes, and
    /// little by any measure. (Measured on an EPYC, idle and loaded: a turn of an empty loop in C 0 to 0.5 µs, of a GLib loop with an idle
    /// source in Python 1 to 1.5 µs, of node with setImmediate 2 to 5 µs, of asyncio with one callback 4 to 13 µs.)
    var isEmptyLoop: Bool { count >= Self.leastLooks && work * 2 <= stop && work <= Self.mostEmpty }
    private static let leastLooks = 3
    private static let mostEmpty: Nanoseconds = 1_000

    /// One other call in so many is none that the turns are made for.
    var isIdle: Bool { others * 32 <= calls }
  }

  /// Trying so many times is no optimism before a sleep.
  static let leastBeforeRest: UInt64 = 2_000
  /// So many turns in a part of a log, if its thread does hardly anything else: people paste a few dozen lines.
  static let leastOfExcerpt: UInt64 = 8
  /// Of these, failures of one call: a failing call may be followed by others that fail for that.
  private static let leastFailures: UInt64 = 5
  /// A sleep or two may be a page that had to be read.
  private static let leastParks: UInt64 = 3
  private static let mostFailures = 8

  var thread = ThreadID.unknown
  var process = ProcessID(0)
  var turns: UInt64 = 0
  /// Waits without a timeout that found nothing; of these, those with one of nanoseconds.
  var probes: UInt64 = 0
  var tiny: UInt64 = 0
  /// How often it slept unseen in how many of the turns.
  var parks: UInt64 = 0
  var countedTurns: UInt64 = 0
  var first: Nanoseconds = 0
  var last: Nanoseconds = 0
  var inCalls: Nanoseconds = 0
  /// Calls of which only one stop was seen, so that their time counts as time between calls.
  var untimed: UInt64 = 0
  var endedByRest = false
  var endedByProgress = false
  /// It is nearly all that a part of a log shows of its thread.
  var isAll = false
  var isBlind = false
  /// The thread sets its timers to moments that have passed: that they are ready is none of its progress.
  var setsPastTimers = false
  var timers: UInt64 = 0
  /// The commonest wait, as far as the first tell.
  var probe: (syscall: Syscall, object: Object)?
  var failures: ContiguousArray<Failure> = []
  /// EAGAIN, whatever was tried on whatever descriptor.
  var again = Refusals()
  var firsts = FirstReturns()
  /// The last look at the thread, and the one that is being told.
  var look: Look?
  var newLook = Look(calls: 0)
  private var isLookedAt = false
  private var looks: [Look] = []

  /// Another stretch in the same storage; the last look at the thread stays.
  mutating func restart(_ event: Event, _ thread: ThreadState, isBlind: Bool) {
    self.thread = thread.id
    process = thread.process
    turns = 0
    probes = 0
    tiny = 0
    timers = 0
    parks = 0
    countedTurns = 0
    first = event.firstReturn
    last = first
    inCalls = 0
    untimed = 0
    endedByRest = false
    endedByProgress = false
    isAll = false
    self.isBlind = isBlind
    probe = nil
    if !failures.isEmpty { failures.removeAll(keepingCapacity: true) }
    again.clear()
    firsts.clear()
    isLookedAt = false
  }

  mutating func noteLook() {
    // The middle one by its work, since a look may be disturbed.
    if isLookedAt, turns > 0 {
      looks.append(newLook)
      newLook = looks.sorted { $0.work < $1.work }[(looks.count - 1) / 2]
      newLook.others = looks.reduce(0) { $0 + $1.others }
      newLook.calls = looks.reduce(0) { $0 + $1.calls }
      newLook.count = looks.count
    } else {
      looks = [newLook]
    }
    look = newLook
    isLookedAt = true
  }

  mutating func noteProbe(_ syscall: Syscall, _ fd: FD, _ times: UInt64, _ thread: ThreadID, world: World) {
    if probe == nil { probe = (syscall, Object(fd, of: thread, world: world)) }
  }

  mutating func noteFailure(
    _ syscall: Syscall, _ fd: FD, _ errno: Int32, _ requested: UInt64, _ times: UInt64, _ thread: ThreadID,
    world: World
  ) {
    if errno == RetrySpin.again { again.note(syscall, fd, times) }
    for place in failures.indices
    where failures[place].fd == fd && failures[place].syscall == syscall && failures[place].errno == errno
      && failures[place].requested == requested
    {
      failures[place].count += times
      return
    }
    guard failures.count < Self.mostFailures else { return }
    failures.append(
      Failure(
        syscall: syscall, fd: fd, errno: errno, requested: requested, object: Object(fd, of: thread, world: world),
        count: times))
  }

  /// Whether the calls fail for lack of something, not since there is nothing yet.
  var isOfLackingMeans: Bool { failures.first.map { $0.errno != RetrySpin.again } ?? false }

  /// Whether what is refused is not one call but a round of them, on one descriptor after the other.
  var isRound: Bool {
    again.fds.count > 1 && again.count > (commonest?.count ?? 0) * 3 / 2 && commonest?.errno == RetrySpin.again
  }

  var commonest: Failure? { failures.max { $0.count < $1.count } }

  /// Whether so many turns are enough, of probes or of one failing call.
  func isEnough(_ count: UInt64) -> Bool { count >= FruitlessTurns.threshold || isAll && count >= Self.leastFailures }

  /// There are too few turns to be sure that it goes on.
  var isShort: Bool { turns < FruitlessTurns.threshold }

  var duration: Nanoseconds { last - min(last, first) }

  /// Whether it soon came to something or to a rest: it tried for a while, by design.
  var isShortLived: Bool { (endedByRest || endedByProgress) && turns < Self.leastBeforeRest }

  /// Whether the thread sleeps after some turns each time: spin, then park.
  var isParking: Bool { parks >= Self.leastParks && parks * Self.leastBeforeRest > countedTurns }

  /// Time between the calls, as the tracer saw it: the thread's own work, what it does unseen, and the tracer's delay.
  var gap: Nanoseconds { (duration - min(duration, inCalls)) / max(1, turns) }

  /// Whether it was outside of its calls for hardly longer than inside: there, as these return at once, all time is the tracer's, and
  /// between them as much. What is more was work, or a sleep that was not seen.
  var isRestless: Bool {
    // What a call takes that is not timed is known from the others.
    let calls = Double(inCalls) * (1 + Double(untimed) / Double(max(1, turns)))
    return Double(duration.less(inCalls)) <= 2 * calls + Double(look?.work ?? 0) * Double(turns)
  }

  var isOfTimers: Bool { timers * 2 > probes }

  /// Whether a wait without a timeout is what it is about.
  var isOfProbes: Bool { probes * 2 >= (commonest?.count ?? 0) }
}

/// Calls that found nothing: how many, by which names and on which descriptors.
struct Refusals: Sendable {
  private static let mostNames = 4
  private static let mostFds = 1024

  private(set) var count: UInt64 = 0
  private(set) var syscalls: [Syscall] = []
  /// In order of their first.
  private(set) var fds: [FD] = []
  private var known: Set<FD> = []
  private var last: FD = -1

  mutating func note(_ syscall: Syscall, _ fd: FD, _ times: UInt64) {
    count += times
    if syscalls.count < Self.mostNames, !syscalls.contains(syscall) { syscalls.append(syscall) }
    if fd == last || fds.count >= Self.mostFds { return }
    last = fd
    if known.insert(fd).inserted { fds.append(fd) }
  }

  mutating func clear() {
    guard count > 0 else { return }
    count = 0
    syscalls.removeAll(keepingCapacity: true)
    fds.removeAll(keepingCapacity: true)
    known.removeAll(keepingCapacity: true)
    last = -1
  }
}

extension [FruitlessStretch] {
  /// Without stretches of threads that look a fixed number of times and then sleep (spin, then park): the same count again and again.
  func withoutParking() -> [FruitlessStretch] {
    filter { one in
      if one.isParking { return false }
      guard one.endedByRest else { return true }
      return !contains { other in
        other.thread == one.thread && other.first != one.first && other.endedByRest
          && Swift.max(one.turns, other.turns) - Swift.min(one.turns, other.turns) <= one.turns / 100
      }
    }
  }
}
