// Where things came from: the call that made a channel, the call that forked a process. Kept while they live, so that a
// finding's evidence begins at the beginning.

import Lineage
import Trace

struct Origins {
  private var channels: [UInt32: Evidence] = [:]
  private var forks: [ProcessID: Evidence] = [:]

  mutating func observe(_ event: Event, arena: Arena, world: World, tables: TraceTables) {
    for channel in world.goneChannels { channels[channel.serial] = nil }
    guard case .call(_, let result, let operation) = event.body, event.phase != .begin, result.succeeded else { return }
    switch operation {
    case .pipe(let fd, _, _, _), .socketPair(let fd, _, _, _):
      note(fd, event, arena: arena, world: world, tables: tables)
    case .create(.eventfd, _, _, _), .open(_, _, .fifo, _):
      note(FD(truncatingIfNeeded: result.rawValue), event, arena: arena, world: world, tables: tables)
    case .spawn(_, let child):
      guard let process = world.thread(child)?.process, process != world.thread(event.thread)?.process else { return }
      forks[process] = world.evidence(event, arena: arena, tables)
    default: break
    }
  }

  private mutating func note(_ fd: FD, _ event: Event, arena: Arena, world: World, tables: TraceTables) {
    guard let file = world.file(world.descriptor(fd, of: event.thread).file),
      let channel = world.channel(file.channel)
    else { return }
    channels[channel.serial] = world.evidence(event, arena: arena, tables)
  }

  /// How the channel was made, and how the process came to have it: what the evidence of a foreign use begins with.
  func prologue(channel: UInt32, process: ProcessID) -> [Evidence] {
    [channels[channel], forks[process]].compactMap { $0 }
  }
}
