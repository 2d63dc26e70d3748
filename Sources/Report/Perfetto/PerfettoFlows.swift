// Arrows from cause to effect: from a write to the wait that it woke and to the read that took it, from a fork to the child's first
// moment. Ends of an arrow have the same number; both sides can tell it from the event that caused it all.

import Analysis
import Lineage
import Trace

struct PerfettoFlows {
  /// Who ended a wait.
  struct Waker {
    var flow: UInt64
    var words: String
  }

  /// By channel (its serial number): the writes that threads were told of last.
  private var told: [UInt32: [(thread: ThreadID, flow: UInt64)]] = [:]

  /// A write is known by its thread and the moment that it began at: a read may take of it before it has returned.
  static func write(by thread: ThreadID, at time: Nanoseconds) -> UInt64 {
    scattered(time &+ (UInt64(thread.index) + 1) &* 0x9E37_79B9_7F4A_7C15)
  }

  static func birth(of thread: ThreadID) -> UInt64 { scattered(UInt64(thread.index) << 2 | 1) }

  static func finding(_ number: Int) -> UInt64 { scattered(UInt64(number) << 2 | 2) }

  /// The finalizer of splitmix64 (Steele, Lea, Flood, 2014), which maps no two numbers to one.
  private static func scattered(_ number: UInt64) -> UInt64 {
    var mixed = number
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// The arrows that begin or pass at a call's begin (`own`), and what woke it, if it slept until a write.
  mutating func touched(
    _ event: Event, _ operation: Operation, world: World, tables: TraceTables
  ) -> (own: [UInt64], waker: Waker?) {
    if case .spawn(_, let child) = operation, world.thread(child) != nil { return ([Self.birth(of: child)], nil) }
    switch world.effect.kind {
    case .write: return ([Self.write(by: event.thread, at: event.entered)], nil)
    case .read:
      var own = world.farEffect.kind == .write ? [Self.write(by: event.thread, at: event.entered)] : []
      guard let segment = world.taken.first else { return (own, nil) }
      let flow = Self.write(by: segment.writer, at: segment.time)
      if segment.time > event.entered { return (own, waker(flow, segment.writer, world, tables)) }
      own.append(flow)
      return (own, nil)
    case .wait: return woken(event, world: world, tables: tables)
    case .none, .peek, .accept, .endOfFile, .empty, .clear: return ([], nil)
    }
  }

  mutating func forget(channel serial: UInt32) { told[serial] = nil }

  private mutating func woken(
    _ event: Event, world: World, tables: TraceTables
  ) -> (own: [UInt64], waker: Waker?) {
    var own: [UInt64] = []
    var waker: Waker?
    for ready in world.ready where ready.channel >= 0 && ready.file >= 0 && ready.returned.contains(.input) {
      let channel = world.channels[Int(ready.channel)]
      guard let write = Self.oldest(channel, ready, world: world) else { continue }
      let flow = Self.write(by: write.thread, at: write.time)
      // A spin is told of one write thousands of times.
      var known = told[channel.serial] ?? []
      if let place = known.firstIndex(where: { $0.thread == event.thread }) {
        if known[place].flow == flow { continue }
        known[place].flow = flow
      } else {
        known.append((event.thread, flow))
      }
      told[channel.serial] = known
      if write.time > event.entered, waker == nil {
        waker = self.waker(flow, write.thread, world, tables)
      } else {
        own.append(flow)
      }
    }
    return (own, waker)
  }

  /// What waits longest there: a write that has returned, or one that goes on.
  private static func oldest(
    _ channel: Channel, _ ready: Ready, world: World
  ) -> (thread: ThreadID, time: Nanoseconds)? {
    guard let side = world.file(ready.file)?.side else { return nil }
    if let segment = channel.incoming(at: side).next { return (segment.writer, segment.time) }
    for write in channel.writing {
      let file = world.descriptor(write.fd, of: write.thread).file
      guard let call = world.openCall(of: write.thread), let from = world.file(file)?.side,
        channel.kind != .socketpair || from != side
      else { continue }
      return (write.thread, call.since)
    }
    return nil
  }

  private func waker(_ flow: UInt64, _ writer: ThreadID, _ world: World, _ tables: TraceTables) -> Waker {
    guard let thread = world.thread(writer) else { return Waker(flow: flow, words: "?") }
    return Waker(
      flow: flow, words: "\(world.command(thread.process, tables)) \(world.identity(of: thread, tables))")
  }
}
