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

  /// The arrows that one call has to do with.
  struct Arrows {
    /// Those that begin or pass at the call's begin.
    var own: [UInt64] = []
    /// What woke it, if it slept until a write.
    var waker: Waker?
    /// A call of another thread that this one woke, and that returned before it was told.
    var woken: (thread: ThreadID, time: Nanoseconds, by: Waker)?
  }

  /// A wait or read that found what nobody was seen to write: that write may be told yet.
  private struct Unexplained {
    var thread: ThreadID
    var side: Side
    var returned: Nanoseconds
  }

  /// By channel (its serial number): the writes that threads were told of last.
  private var told: [UInt32: [(thread: ThreadID, flow: UInt64)]] = [:]
  private var unexplained: [UInt32: Unexplained] = [:]

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

  mutating func touched(
    _ event: Event, _ operation: Operation, world: World, tables: TraceTables
  ) -> Arrows {
    if case .spawn(_, let child) = operation, world.thread(child) != nil { return Arrows(own: [Self.birth(of: child)]) }
    switch world.effect.kind {
    case .write: return wrote(event, world.effect, world: world, tables: tables)
    case .read:
      var arrows = Arrows()
      if world.farEffect.kind == .write { arrows = wrote(event, world.farEffect, world: world, tables: tables) }
      guard let segment = world.taken.first else {
        missed(event, file: world.effect.file, channel: world.effect.channel, world: world)
        return arrows
      }
      let flow = Self.write(by: segment.writer, at: segment.time)
      if segment.time > event.entered {
        arrows.waker = waker(flow, segment.writer, world, tables)
      } else {
        arrows.own.append(flow)
      }
      return arrows
    case .wait: return returned(event, world: world, tables: tables)
    case .none, .peek, .accept, .endOfFile, .empty, .clear: return Arrows()
    }
  }

  mutating func forget(channel serial: UInt32) {
    told[serial] = nil
    unexplained[serial] = nil
  }

  private mutating func wrote(_ event: Event, _ effect: Effect, world: World, tables: TraceTables) -> Arrows {
    let flow = Self.write(by: event.thread, at: event.entered)
    var arrows = Arrows(own: [flow])
    guard !unexplained.isEmpty, let channel = world.channel(effect.channel),
      let waiter = unexplained.removeValue(forKey: channel.serial), waiter.returned > event.entered,
      channel.kind != .socketpair || world.file(effect.file)?.side != waiter.side
    else { return arrows }
    _ = isNews(flow, to: waiter.thread, channel: channel.serial)
    arrows.woken = (waiter.thread, waiter.returned, waker(flow, event.thread, world, tables))
    return arrows
  }

  private mutating func missed(_ event: Event, file: Int32, channel slot: Int32, world: World) {
    // Of what comes through a socket, or was there before the trace, no writer is known.
    guard let channel = world.channel(slot), [.pipe, .fifo, .eventfd, .socketpair].contains(channel.kind),
      let side = world.file(file)?.side, world.waitingBefore(in: slot, at: side) == 0, event.repeats == 1
    else { return }
    unexplained[channel.serial] = Unexplained(thread: event.thread, side: side, returned: event.exited)
  }

  /// A spin is told of one write thousands of times: the first is news.
  private mutating func isNews(_ flow: UInt64, to thread: ThreadID, channel serial: UInt32) -> Bool {
    var known = told[serial] ?? []
    if let place = known.firstIndex(where: { $0.thread == thread }) {
      if known[place].flow == flow { return false }
      known[place].flow = flow
    } else {
      known.append((thread, flow))
    }
    told[serial] = known
    return true
  }

  private mutating func returned(_ event: Event, world: World, tables: TraceTables) -> Arrows {
    var arrows = Arrows()
    for ready in world.ready where ready.channel >= 0 && ready.file >= 0 && ready.returned.contains(.input) {
      let channel = world.channels[Int(ready.channel)]
      guard let write = Self.oldest(channel, ready, world: world) else {
        missed(event, file: ready.file, channel: ready.channel, world: world)
        continue
      }
      let flow = Self.write(by: write.thread, at: write.time)
      guard isNews(flow, to: event.thread, channel: channel.serial) else { continue }
      if write.time > event.entered, arrows.waker == nil {
        arrows.waker = waker(flow, write.thread, world, tables)
      } else {
        arrows.own.append(flow)
      }
    }
    return arrows
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
