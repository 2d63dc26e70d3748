// A World that is made of what another tells as the beginning of a trace has what that has, and goes on as it does.

import Foundation
import Lineage
import Support
import Testing
import Trace

/// What a World has that a trace which goes on from it must have, a line for each.
private struct Likeness {
  private let world: World
  private var files: [UInt32: Int] = [:]
  private var channels: [UInt32: Int] = [:]
  private(set) var lines: [String] = []

  init(_ world: World) {
    self.world = world
    for process in world.living {
      for thread in world.threads(of: process) where world.thread(thread)?.isAlive == true { add(thread, of: process) }
    }
  }

  private mutating func add(_ id: ThreadID, of process: ProcessID) {
    let state = world.process(process)!
    let parent = state.parent.flatMap { world.process($0)?.isAlive == true ? $0.index : nil }
    let heir = parent != nil && world.isHeir(process)
    lines.append(
      "\(state.pid)/\(world.thread(id)!.tid) of \(parent.map(String.init) ?? "-") heir \(heir) path \(state.path)")
    lines.append("  names \(world.thread(id)!.name) \(world.thread(id)!.givenName) \(state.givenName)")
    lines.append("  arguments \(world.arguments(of: process).map(\.index))")
    if let call = world.openCall(of: id) { lines.append("  in \(call.syscall) since \(call.since)") }
    for signal in Int32(1)...64 {
      guard let handler = world.handler(of: signal, in: process), handler.disposition.action != .standard else {
        continue
      }
      let isKnown = world.process(handler.installer)?.isAlive == true
      lines.append(
        "  signal \(signal) \(handler.disposition.action) by \(isKnown ? handler.installer.index : process.index)")
    }
    for fd in world.openNumbers(of: id) { add(fd, of: id) }
  }

  private mutating func add(_ fd: FD, of id: ThreadID) {
    let descriptor = world.descriptor(fd, of: id)
    let file = world.file(descriptor.file)!
    let fileNumber = files[file.serial] ?? files.count
    files[file.serial] = fileNumber
    var line = "  fd \(fd) file \(fileNumber) \(file.kind) \(descriptor.closeOnExec) \(file.nonblocking)"
    line +=
      " \(file.isConnection) \(file.isAccepted) \(file.isLocal) sees \(world.sight(of: id).calls(on: fd).rawValue)"
    if let channel = world.channel(file.channel) {
      let number = channels[channel.serial] ?? channels.count
      channels[channel.serial] = number
      line += " channel \(number) \(file.side) \(channel.isDatagram) \(channel.isSemaphore)"
      line += " \(channel.readers) \(channel.writers) unread \(channel.incoming(at: file.side).unread)"
    }
    lines.append(line)
    for entry in file.interest.entries.sorted(by: { $0.fd < $1.fd }) {
      // One by a number that means something else by now cannot be told.
      guard world.descriptor(entry.fd, of: id).file == entry.file else { continue }
      lines.append("    watches \(entry.fd) \(entry.events.rawValue) \(entry.data)")
    }
  }
}

@Suite struct RetellingTests {
  private struct Recording {
    var events: [(event: Event, arena: Arena)] = []
    var tables = TraceTables()
  }

  private static func read(_ name: String) throws -> Recording {
    let reader = try TraceReader(path: Victim.repository.appending(path: "traces/\(name).flt").path)
    var recording = Recording()
    var batch = EventBatch()
    while reader.next(into: &batch) { recording.events += batch.events.map { ($0, batch.arena) } }
    recording.tables = reader.tables
    return recording
  }

  /// Cuts everywhere; each part goes on for a while.
  @Test(arguments: ["founding-pipe", "gwibber", "asyncio-signal", "glib-unix-signal", "pool-clean", "pipeline-clean"])
  func aRecordingGoesOn(_ name: String) throws {
    let recording = try Self.read(name)
    var world = World()
    var parts: [(world: World, until: Int)] = []
    let step = max(1, recording.events.count / 60)
    var compared = 0
    for (place, (event, arena)) in recording.events.enumerated() {
      if place % step == 0 {
        let batch = world.retold { _ in .empty }
        var part = World()
        for event in batch.events { part.apply(event, arena: batch.arena, tables: recording.tables) }
        #expect(Likeness(part).lines == Likeness(world).lines, "\(name), as it is retold before event \(place)")
        parts.append((part, place + 4 * step))
      }
      world.apply(event, arena: arena, tables: recording.tables)
      for number in parts.indices { parts[number].world.apply(event, arena: arena, tables: recording.tables) }
      for part in parts where part.until == place {
        compared += 1
        #expect(Likeness(part.world).lines == Likeness(world).lines, "\(name), after event \(place)")
      }
      parts.removeAll { $0.until <= place }
    }
    #expect(compared > 40)
  }
}
