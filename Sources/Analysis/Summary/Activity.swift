// Where time went, per thread: the answer when nothing is wrong, and the ground of every "is it hot or hung".

import Lineage
import Trace

/// Kept per thread, in constant space.
public struct ThreadActivity: Sendable {
  public var thread: ThreadID
  public var calls: UInt64 = 0
  public var waitReturns: UInt64 = 0
  /// Calls by kind, as the meter numbers them.
  var byKind: ContiguousArray<UInt64> = []
  /// Time blocked in calls, ns, by what they waited on.
  var blocked: [CallPlace: Nanoseconds] = [:]
  public var blockedTotal: Nanoseconds = 0
  /// The longest stretch without a recorded call, and when the last call returned.
  var longestGap: Nanoseconds = 0
  var lastReturn: Nanoseconds?
  /// The call that the thread ended in.
  var endedIn: AbandonedCall?
  /// How it stayed away from its waits.
  var absence = LoopAbsence()

  @inline(__always)
  mutating func note(_ event: Event, kind: Int, _ operation: Operation) {
    let repeats = UInt64(event.repeats)
    calls += repeats
    while byKind.count <= kind { byKind.append(0) }
    byKind[kind] += repeats
    if case .wait = operation { waitReturns += repeats }
    if let lastReturn { longestGap = max(longestGap, event.entered - min(event.entered, lastReturn)) }
    if event.repeats > 1, event.cycle == 1 {
      let between = event.exited - min(event.exited, event.entered + event.timeInside)
      longestGap = max(longestGap, between / UInt64(event.repeats - 1))
    }
    lastReturn = max(event.exited, lastReturn ?? 0)
  }

  /// An account for another thread, in the same storage.
  mutating func clear(for thread: ThreadID) {
    self.thread = thread
    calls = 0
    waitReturns = 0
    byKind.removeAll(keepingCapacity: true)
    if !blocked.isEmpty { blocked.removeAll(keepingCapacity: true) }
    blockedTotal = 0
    longestGap = 0
    lastReturn = nil
    endedIn = nil
    absence = LoopAbsence()
  }
}

struct ActivityMeter {
  /// What took less was not blocked but busy (and traced).
  private static let shortest: Nanoseconds = 1_000_000
  private static let mostPlaces = 64
  /// How many threads a summary names, and of how many that have ended the accounts are kept: those that weigh most.
  private static let mostNamed = 8
  private static let mostEnded = 16

  /// The kinds of calls that were seen, and by system call number the places there.
  private var kinds: [Syscall] = []
  private var kindOf: ContiguousArray<UInt16> = []
  private static let noKind = UInt16.max

  /// By the thread's slot among the living. An account stays when its thread has ended, until another gets the slot.
  private var accounts: ContiguousArray<ThreadActivity> = []
  /// Of threads that have ended, the heaviest first.
  private var ended: [(weight: Nanoseconds, account: ThreadActivity)] = []

  /// Threads have ended inside of calls.
  mutating func abandoned(at time: Nanoseconds, world: World) {
    for call in world.abandoned where call.slot >= 0 {
      let place = Int(call.slot)
      accounts[place].endedIn = call
      block(place, on: call.place, for: time - min(time, call.since))
    }
  }

  /// A call has returned.
  mutating func returned(
    _ event: Event, _ syscall: Syscall, _ operation: Operation, _ thread: ThreadState, arena: Arena, world: World
  ) {
    let place = Int(thread.slot)
    accounts[place].note(event, kind: kind(of: syscall), operation)
    let isWait: Bool
    if case .wait = operation {
      isWait = true
      accounts[place].absence.noteWait(event, world: world)
    } else {
      isWait = false
    }
    if event.timeInside >= Self.shortest, event.meanTime >= Self.shortest,
      Self.canBlock(syscall, operation, world: world)
    {
      let where_ = Self.place(event, syscall, operation, arena: arena, world: world)
      block(place, on: where_, for: event.timeInside)
      if !isWait { accounts[place].absence.noteBlocked(where_, for: event.timeInside) }
    }
  }

  /// Programs make few kinds of calls: these are numbered as they come.
  @inline(__always)
  private mutating func kind(of syscall: Syscall) -> Int {
    let number = Int(syscall.number)
    if number < kindOf.count, kindOf[number] != Self.noKind { return Int(kindOf[number]) }
    return newKind(of: syscall)
  }

  private mutating func newKind(of syscall: Syscall) -> Int {
    while kindOf.count <= Int(syscall.number) { kindOf.append(Self.noKind) }
    kindOf[Int(syscall.number)] = UInt16(kinds.count)
    kinds.append(syscall)
    return kinds.count - 1
  }

  /// A thread gets the account of its slot; who had it before has ended.
  mutating func seat(_ id: ThreadID, _ slot: Int, world: World) {
    while accounts.count <= slot { accounts.append(ThreadActivity(thread: .unknown)) }
    if accounts[slot].thread != .unknown { retire(slot, world: world) }
    accounts[slot].clear(for: id)
  }

  private mutating func retire(_ place: Int, world: World) {
    let id = accounts[place].thread
    let weight = (world.thread(id)?.running ?? 0) + accounts[place].blockedTotal / 4
    if ended.count == Self.mostEnded {
      guard let least = ended.last, (weight, least.account.thread) > (least.weight, id) else { return }
      ended.removeLast()
    }
    let rank = ended.firstIndex { (weight, $0.account.thread) > ($0.weight, id) } ?? ended.count
    ended.insert((weight, accounts[place]), at: rank)
  }

  private mutating func block(_ place: Int, on object: CallPlace, for time: Nanoseconds) {
    accounts[place].blockedTotal += time
    if accounts[place].blocked.count < Self.mostPlaces || accounts[place].blocked[object] != nil {
      accounts[place].blocked[object, default: 0] += time
    }
  }

  /// Whether the time that a call took was the program's waiting: a call that cannot wait, or found its answer ready, was slow only
  /// for the sake of the tracer or of other programs.
  static func canBlock(_ syscall: Syscall, _ operation: Operation, world: World) -> Bool {
    switch operation {
    case .wait: true
    case .sleep, .waitChild, .lock, .accept, .connect: true
    case .transfer, .move: world.effect.channel >= 0
    case .open(_, _, let kind, _): kind == .fifo
    case .spawn(let flags, _): flags & 0x4000 != 0
    case .plain: [.pause, .rtSigsuspend, .rtSigtimedwait].contains(syscall)
    default: false
    }
  }

  static func place(
    _ event: Event, _ syscall: Syscall, _ operation: Operation, arena: Arena, world: World
  ) -> CallPlace {
    guard case .wait(let wait) = operation, !wait.entries.isEmpty else {
      return world.place(of: syscall, operation, in: event.thread, firstWait: -1, waits: 0)
    }
    let first = arena.waits[Int(wait.entries.offset)].fd
    return world.place(
      of: syscall, operation, in: event.thread, firstWait: first, waits: Int(wait.entries.count))
  }

  static func words(_ place: CallPlace) -> String {
    guard place.fd >= 0 else { return place.syscall.name }
    let kind = place.kind.map { " (\(ObjectWords.noun($0)))" } ?? ""
    let others = place.others > 0 ? " and \(place.others) more" : ""
    return "\(place.syscall.name) on fd \(place.fd)\(kind)\(others)"
  }

  /// One line per thread that matters: those that used or waited longest.
  /// The lines, each with its thread, and where that stands in the call that it was in at the end.
  func summary(
    world: World, tables: TraceTables, duration: Nanoseconds
  ) -> [(line: String, thread: ThreadID?, stack: StackID)] {
    var known: [ThreadID: ThreadActivity] = [:]
    for entry in ended { known[entry.account.thread] = entry.account }
    for account in accounts where account.thread != .unknown { known[account.thread] = account }
    let weighed = world.threads.map { thread -> (weight: Nanoseconds, id: ThreadID) in
      // Of an ended thread without an account others weigh more, whatever it waited.
      let waited = known[thread.id]?.blockedTotal ?? 0
      return (thread.running + waited / 4 + Self.unfinished(thread, duration, world) / 4, thread.id)
    }
    let chosen = weighed.sorted { ($0.weight, $1.id) > ($1.weight, $0.id) }.prefix(Self.mostNamed)
    var lines: [(line: String, thread: ThreadID?, stack: StackID)] = []
    for (_, id) in chosen {
      guard let thread = world.thread(id) else { continue }
      let account = known[id] ?? ThreadActivity(thread: id)
      lines.append(
        (
          line(thread, account, world: world, tables: tables, duration: duration), id,
          world.openCall(of: id)?.stack ?? account.endedIn?.stack ?? .none
        ))
    }
    if weighed.count > chosen.count {
      lines.append(("and \(counted(UInt64(weighed.count - chosen.count), "quieter thread"))", nil, .none))
    }
    return lines
  }

  /// How long the thread has been inside of the call that it is still in.
  private static func unfinished(_ thread: ThreadState, _ duration: Nanoseconds, _ world: World) -> Nanoseconds {
    world.openCall(of: thread.id).map { duration - min(duration, $0.since) } ?? 0
  }

  private func line(
    _ thread: ThreadState, _ activity: ThreadActivity, world: World, tables: TraceTables, duration: Nanoseconds
  ) -> String {
    let last = thread.ended ?? duration
    let lived = max(1, (thread.ended ?? duration) - min(thread.started, thread.ended ?? duration))
    let who = "\(world.command(thread.process, tables)) \(world.identity(of: thread, tables))"
    var parts: [String] = []
    let share = Double(thread.running) / Double(lived)
    let cpu =
      thread.isUsageKnown
      ? "CPU \(Duration.text(thread.running)) of \(Duration.text(lived)) (\(Duration.fixed(share * 100, 0)) %)"
      : "\(thread.predates ? "seen for" : "lived") \(lived > 1 ? Duration.text(lived) : "a moment")"
    // A long stretch of running without a call: no loop of waits, but work (or a loop) in its own code.
    let alone = max(
      activity.longestGap, world.openCall(of: thread.id) == nil ? last - min(last, activity.lastReturn ?? last) : 0)
    let burns = share > 0.5 && alone > 100_000_000 && alone > lived / 2
    let isAllSeen = world.sight(of: thread.process).scope == .all
    let lacked = isAllSeen ? "a system call" : "a call that is traced in this scope"
    parts.append(burns ? "\(cpu), of which \(Duration.text(alone)) at a stretch without \(lacked)" : cpu)
    if activity.blockedTotal > 0 {
      let longest = activity.blocked.max { ($0.value, $1.key.fd) < ($1.value, $0.key.fd) }
      let where_ = longest.map { ", longest in \(Self.words($0.key)) (\(Duration.text($0.value)))" } ?? ""
      parts.append("blocked \(Duration.text(activity.blockedTotal))\(where_)")
    }
    if activity.waitReturns > 0, !Duration.countsLines, lived >= 1_000_000 {
      let rate = Double(activity.waitReturns) / (Double(lived) / 1e9)
      parts.append("\(rate < 1000 ? Duration.fixed(rate, 1) : grouped(UInt64(rate))) wait returns/s")
    }
    let open = world.openCall(of: thread.id)
    var isWaiting = false
    if case .wait = open?.operation { isWaiting = true }
    if let words = activity.absence.words(until: last, in: world.openPlace(of: thread.id), isWaiting: isWaiting) {
      parts.append(words)
    }
    let counts = zip(kinds, activity.byKind)
    if activity.calls > 0, let commonest = counts.max(by: { ($0.1, $1.0.number) < ($1.1, $0.0.number) }) {
      parts.append("commonest call \(commonest.0.name) (\(grouped(commonest.1)))")
    }
    if let place = world.openPlace(of: thread.id), let since = world.openCall(of: thread.id)?.since {
      let isOld = thread.predates && since == 0
      parts.append("at the end in \(Self.words(place)) since \(isOld ? "before the trace" : Duration.moment(since))")
    } else if let call = activity.endedIn {
      parts.append("ended in \(Self.words(call.place)), where it was since \(Duration.moment(call.since))")
    }
    return "\(who): \(parts.joined(separator: "; "))"
  }
}
