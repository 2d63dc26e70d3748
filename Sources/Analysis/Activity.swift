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
  /// Time inside of calls that took a millisecond or more, ns, by what they waited on.
  var blocked: [BlockedOn: Nanoseconds] = [:]
  public var blockedTotal: Nanoseconds = 0

  struct BlockedOn: Hashable, Sendable {
    var syscall: Syscall
    var fd: FD
    var kind: ObjectKind?
    var others: Int
  }
}

struct ActivityMeter {
  /// What took less was not blocked but busy (and traced).
  private static let shortest: Nanoseconds = 1_000_000
  private static let mostPlaces = 64

  private(set) var threads: [ThreadActivity?] = []

  mutating func observe(_ event: Event, arena: Arena, world: World) {
    guard case .call(let syscall, _, let operation) = event.body, event.phase != .begin,
      event.thread.position < world.threads.count
    else { return }
    while threads.count <= event.thread.position { threads.append(nil) }
    var activity = threads[event.thread.position].take() ?? ThreadActivity(thread: event.thread)
    activity.calls += UInt64(event.repeats)
    activity.bySyscall[syscall.number, default: 0] += UInt64(event.repeats)
    if case .wait = operation { activity.waitReturns += UInt64(event.repeats) }
    let took = event.exited - event.entered
    if took >= Self.shortest {
      activity.blockedTotal += took
      let place = Self.place(syscall, operation, of: event.thread, arena: arena, world: world)
      if activity.blocked.count < Self.mostPlaces || activity.blocked[place] != nil {
        activity.blocked[place, default: 0] += took
      }
    }
    threads[event.thread.position] = activity
  }

  /// What a call waits on: its descriptor, or the first of a wait set.
  static func place(
    _ syscall: Syscall, _ operation: Operation, of thread: ThreadID, arena: Arena, world: World
  ) -> ThreadActivity.BlockedOn {
    func on(_ fd: FD, others: Int = 0) -> ThreadActivity.BlockedOn {
      let kind = world.file(world.descriptor(fd, of: thread).file)?.kind
      return ThreadActivity.BlockedOn(syscall: syscall, fd: fd, kind: kind, others: others)
    }
    switch operation {
    case .wait(let wait):
      if wait.isEpoll {
        let instance = world.file(world.descriptor(wait.epoll, of: thread).file)
        guard let entries = instance?.interest.entries, let first = entries.first else { return on(wait.epoll) }
        return on(first.fd, others: entries.count - 1)
      }
      guard let first = arena.waits(wait.entries).first else { return on(-1) }
      return on(first.fd, others: Int(wait.entries.count) - 1)
    case .transfer(let transfer): return on(transfer.fd)
    case .accept(let fd, _), .connect(let fd, _), .lock(let fd, _): return on(fd)
    default: return on(-1)
    }
  }

  /// The same for a call that has not returned; its wait set is the thread's, since its batch is gone.
  private static func openPlace(
    _ syscall: Syscall, _ operation: Operation, _ thread: ThreadState, world: World
  ) -> ThreadActivity.BlockedOn {
    guard case .wait(let wait) = operation, !wait.isEpoll else {
      return place(syscall, operation, of: thread.id, arena: Arena(), world: world)
    }
    let fd = thread.openWaits.first?.fd ?? -1
    return ThreadActivity.BlockedOn(
      syscall: syscall, fd: fd, kind: world.file(world.descriptor(fd, of: thread.id).file)?.kind,
      others: max(0, thread.openWaits.count - 1))
  }

  static func words(_ place: ThreadActivity.BlockedOn) -> String {
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
      return (thread, activity, thread.running + activity.blockedTotal / 4)
    }
    let chosen = weighed.sorted { ($0.2, $1.0.id) > ($1.2, $0.0.id) }.prefix(limit)
    var lines = chosen.map { line($0.0, $0.1, world: world, tables: tables, duration: duration) }
    if weighed.count > chosen.count {
      lines.append("and \(counted(UInt64(weighed.count - chosen.count), "quieter thread"))")
    }
    return lines
  }

  private func line(
    _ thread: ThreadState, _ activity: ThreadActivity, world: World, tables: TraceTables, duration: Nanoseconds
  ) -> String {
    let lived = max(1, (thread.ended ?? duration) - min(thread.started, thread.ended ?? duration))
    let pid = world.process(thread.process)?.pid ?? 0
    let who =
      "\(world.command(thread.process, tables)) (pid \(pid)\(thread.tid == pid ? "" : ", thread \(thread.tid)"))"
    var parts: [String] = []
    let share = Double(thread.running) / Double(lived)
    let cpu = "CPU \(Duration.text(thread.running)) of \(Duration.text(lived)) (\(Duration.fixed(share * 100, 0)) %)"
    let callsPerSecond = Double(activity.calls) / (Double(lived) / 1e9)
    let burns = share > 0.5 && callsPerSecond < 100 && lived > 100_000_000
    parts.append(burns ? "\(cpu), burnt in its own code with few system calls" : cpu)
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
    if thread.isAlive, let call = thread.openCall {
      let place = Self.openPlace(call.syscall, call.operation, thread, world: world)
      parts.append("at the end in \(Self.words(place)) since \(Duration.moment(call.since))")
    }
    return "\(who): \(parts.joined(separator: "; "))"
  }
}
