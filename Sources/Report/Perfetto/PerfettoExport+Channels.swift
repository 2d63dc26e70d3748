// Channels of a Perfetto trace: each from its making to its last close, below the process that made it, and how much waits in it.

import Analysis
import Lineage
import Trace

/// A channel that something has passed through.
struct PerfettoChannel {
  var serial: UInt32
  var track: UInt64 { PerfettoTrack.channel(serial) }
  /// What was told last to wait in it: for the readers of the queue, and for a socketpair's second end.
  var unread: UInt64 = 0
  var unreadBack: UInt64 = 0
  /// When that was: a read may return before the write that fed it, and still comes second.
  var time: Nanoseconds
}

extension PerfettoExport {
  /// Tells what waits in the channels that the last event has touched, and ends those that are gone.
  func countBytes(at time: Nanoseconds, world: World, tables: TraceTables) throws {
    for effect in [world.effect, world.farEffect] where effect.kind != .none && effect.channel >= 0 {
      try countBytes(in: effect.channel, at: time, world: world, tables: tables)
    }
    for ready in world.ready where ready.channel >= 0 {
      try countBytes(in: ready.channel, at: time, world: world, tables: tables)
    }
    for gone in world.goneChannels {
      flows.forget(channel: gone.serial)
      guard let known = channels.removeValue(forKey: gone.serial) else { continue }
      let last = max(time, known.time)
      if known.unread > 0 {
        try writer.count(0, on: PerfettoTrack.bytes(gone.serial, back: false), at: last)
      }
      if known.unreadBack > 0 {
        try writer.count(0, on: PerfettoTrack.bytes(gone.serial, back: true), at: last)
      }
      try writer.end(on: known.track, at: last)
    }
  }

  private func countBytes(in slot: Int32, at time: Nanoseconds, world: World, tables: TraceTables) throws {
    let kind = world.channels[Int(slot)].kind
    // Of what passes through a socket one end is elsewhere: nothing can be counted.
    guard [.pipe, .fifo, .eventfd, .socketpair].contains(kind) else { return }
    let serial = world.channels[Int(slot)].serial
    var known: PerfettoChannel
    if let former = channels[serial] {
      known = former
    } else {
      known = try begin(world.channels[Int(slot)], slot, world: world, tables: tables)
    }
    let unread = world.channels[Int(slot)].queue.unread
    let unreadBack = world.channels[Int(slot)].backQueue.unread
    let now = max(time, known.time)
    if unread != known.unread { try writer.count(unread, on: PerfettoTrack.bytes(serial, back: false), at: now) }
    if unreadBack != known.unreadBack {
      try writer.count(unreadBack, on: PerfettoTrack.bytes(serial, back: true), at: now)
    }
    if unread != known.unread || unreadBack != known.unreadBack { known.time = now }
    known.unread = unread
    known.unreadBack = unreadBack
    channels[serial] = known
  }

  /// A channel is used for the first time.
  private func begin(_ channel: Channel, _ slot: Int32, world: World, tables: TraceTables) throws -> PerfettoChannel {
    let holders = world.holders(of: slot)
    let maker = world.processID(of: channel.creator) ?? holders.first?.process
    let name = "\(channel.kind) \(channel.serial)"
    let known = PerfettoChannel(serial: channel.serial, time: channel.created)
    try writer.describe(
      PerfettoTrackDescriptor(known.track, name: name, below: maker.map(PerfettoTrack.process)), at: channel.created)
    let ways = channel.kind == .socketpair ? [(false, "to its first end"), (true, "to its second end")] : [(false, "")]
    for (back, way) in ways {
      let what = channel.kind == .eventfd ? "count" : "bytes"
      var track = PerfettoTrackDescriptor(
        PerfettoTrack.bytes(channel.serial, back: back),
        name: ["\(what) waiting in \(name)", way].filter { !$0.isEmpty }.joined(separator: " "), below: known.track)
      track.counter.unit = channel.kind == .eventfd ? .count : .sizeBytes
      try writer.describe(track, at: channel.created)
      try writer.count(0, on: track.uuid, at: channel.created)
    }
    var notes: [PerfettoNote] = [.number("channel", channel.serial)]
    if let creator = world.thread(channel.creator) {
      let who = "\(world.command(creator.process, tables)) \(world.identity(of: creator, tables))"
      notes.append(.text(channel.predates ? "first seen in" : "made by", who))
    }
    notes.append(
      .list(
        "held at first use by",
        holders.prefix(16).map { holder in
          let side = holder.side == .both ? "" : ", \(holder.side) end"
          let pid = world.process(holder.process)?.pid ?? 0
          return "\(world.command(holder.process, tables)) (pid \(pid)): fd \(holder.fd)\(side)"
        }))
    try writer.begin(name, .channel, on: known.track, at: channel.created, notes: notes)
    return known
  }
}
