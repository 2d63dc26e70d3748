// Where time went, per thread: the answer when nothing is wrong, and the ground of every "is it hot or hung".

import Lineage
import Trace

/// Kept per thread, in constant space.
public struct ThreadActivity: Sendable {
  public var thread: ThreadID
  public var calls: UInt64 = 0
  public var waitReturns: UInt64 = 0
  /// Calls by system call number.
  var bySyscall: [UInt16: UInt64] = [:]
  /// Time blocked in calls, ns, by what they waited on.
  var blocked: [CallPlace: Nanoseconds] = [:]
  public var blockedTotal: Nanoseconds = 0
  /// The longest stretch without a recorded call, and when the last call returned.
  var longestGap: Nanoseconds = 0
  var lastReturn: Nanoseconds?
  /// The call that the thread ended in.
  var endedIn: AbandonedCall?
}

struct ActivityMeter {
  /// What took less was not blocked but busy (and traced).
  private static let shortest: Nanoseconds = 1_000_000
  private static let mostPlaces = 64

  private(set) var threads: [ThreadActivity?] = []

  mutating func observe(_ event: Event, arena: Arena, world: World) {
    for call in world.abandoned {
      withActivity(of: call.thread, world: world) {
        Self.block(&$0, on: call.place, for: event.time - min(event.time, call.since))
        $0.endedIn = call
      }
    }
    guard case .call(let syscall, _, let operation) = event.body, event.phase != .begin else { return }
    let took = event.timeInside
    let blocks = event.meanTime >= Self.shortest && Self.canBlock(syscall, operation, world: world)
    let place = blocks ? Self.place(event, syscall, operation, arena: arena, world: world) : nil
    withActivity(of: event.thread, world: world) {
      $0.calls += UInt64(event.repeats)
      $0.bySyscall[syscall.number, default: 0] += UInt64(event.repeats)
      if case .wait = operation { $0.waitReturns += UInt64(event.repeats) }
      if let last = $0.lastReturn { $0.longestGap = max($0.longestGap, event.entered - min(event.entered, last)) }
      if event.repeats > 1, event.cycle == 1 {
        let between = event.exited - min(event.exited, event.entered + took)
        $0.longestGap = max($0.longestGap, between / UInt64(event.repeats - 1))
      }
      $0.lastReturn = max(event.exited, $0.lastReturn ?? 0)
      if let place { Self.block(&$0, on: place, for: took) }
    }
  }

  private mutating func withActivity(of id: ThreadID, world: World, _ body: (inout ThreadActivity) -> Void) {
    guard id.position < world.threads.count else { return }
    while threads.count <= id.position { threads.append(nil) }
    var activity = threads[id.position].take() ?? ThreadActivity(thread: id)
    body(&activity)
    threads[id.position] = activity
  }

  private static func block(_ activity: inout ThreadActivity, on place: CallPlace, for time: Nanoseconds) {
    activity.blockedTotal += time
    if activity.blocked.count < mostPlaces || activity.blocked[place] != nil {
      activity.blocked[place, default: 0] += time
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
    var waits: ArraySlice<WaitEntry> = []
    if case .wait(let wait) = operation { waits = arena.waits(wait.entries) }
    return world.place(of: syscall, operation, in: event.thread, waits: waits)
  }

  static func words(_ place: CallPlace) -> String {
    guard place.fd >= 0 else { return place.syscall.name }
    let kind = place.kind.map { " (\(ObjectWords.noun($0)))" } ?? ""
    let others = place.others > 0 ? " and \(place.others) more" : ""
    return "\(place.syscall.name) on fd \(place.fd)\(kind)\(others)"
  }

  /// One line per thread that matters: those that used or waited longest, at most `limit`.
  func summary(world: World, tables: TraceTables, duration: Nanoseconds, limit: Int = 8) -> [String] {
    let weighed = world.threads.compactMap { $0 }.map { thread -> (ThreadState, ThreadActivity, Nanoseconds) in
      let activity =
        thread.id.position < threads.count
        ? threads[thread.id.position] ?? ThreadActivity(thread: thread.id)
        : ThreadActivity(thread: thread.id)
      return (thread, activity, thread.running + activity.blockedTotal / 4 + Self.unfinished(thread, duration) / 4)
    }
    let chosen = weighed.sorted { ($0.2, $1.0.id) > ($1.2, $0.0.id) }.prefix(limit)
    var lines = chosen.map { line($0.0, $0.1, world: world, tables: tables, duration: duration) }
    if weighed.count > chosen.count {
      lines.append("and \(counted(UInt64(weighed.count - chosen.count), "quieter thread"))")
    }
    return lines
  }

  /// How long the thread has been inside of the call that it is still in.
  private static func unfinished(_ thread: ThreadState, _ duration: Nanoseconds) -> Nanoseconds {
    thread.openCall.map { duration - min(duration, $0.since) } ?? 0
  }

  private func line(
    _ thread: ThreadState, _ activity: ThreadActivity, world: World, tables: TraceTables, duration: Nanoseconds
  ) -> String {
    let last = thread.ended ?? duration
    let lived = max(1, (thread.ended ?? duration) - min(thread.started, thread.ended ?? duration))
    let pid = world.process(thread.process)?.pid ?? 0
    let who =
      "\(world.command(thread.process, tables)) (pid \(pid)\(thread.tid == pid ? "" : ", thread \(thread.tid)"))"
    var parts: [String] = []
    let share = Double(thread.running) / Double(lived)
    let cpu = "CPU \(Duration.text(thread.running)) of \(Duration.text(lived)) (\(Duration.fixed(share * 100, 0)) %)"
    // A long stretch of running without a call: no loop of waits, but work (or a loop) in its own code.
    let alone = max(activity.longestGap, thread.openCall == nil ? last - min(last, activity.lastReturn ?? last) : 0)
    let burns = share > 0.5 && alone > 100_000_000 && alone > lived / 2
    let isAllSeen = world.process(thread.process)?.sight.scope == .all
    let lacked = isAllSeen ? "a system call" : "a call that is traced in this scope"
    parts.append(burns ? "\(cpu), of which \(Duration.text(alone)) at a stretch without \(lacked)" : cpu)
    if activity.blockedTotal > 0 {
      let longest = activity.blocked.max { ($0.value, $1.key.fd) < ($1.value, $0.key.fd) }
      let where_ = longest.map { ", longest in \(Self.words($0.key)) (\(Duration.text($0.value)))" } ?? ""
      parts.append("blocked \(Duration.text(activity.blockedTotal))\(where_)")
    }
    if activity.waitReturns > 0 {
      let rate = Double(activity.waitReturns) / (Double(lived) / 1e9)
      parts.append("\(Duration.fixed(rate, 1)) wait returns/s")
    }
    if let commonest = activity.bySyscall.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) {
      parts.append("commonest call \(Syscall(Int(commonest.key)).name) (\(grouped(commonest.value)))")
    }
    if let place = world.openPlace(of: thread.id), let since = thread.openCall?.since {
      let isOld = thread.predates && since == 0
      parts.append("at the end in \(Self.words(place)) since \(isOld ? "before the trace" : Duration.moment(since))")
    } else if let call = activity.endedIn {
      parts.append("ended in \(Self.words(call.place)), where it was since \(Duration.moment(call.since))")
    }
    return "\(who): \(parts.joined(separator: "; "))"
  }
}
