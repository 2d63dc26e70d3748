// The tracks of a Perfetto trace: processes with their threads and channels, and the findings. Each has a number that follows from what
// it stands for, so that none has to be remembered.

import Analysis
import Lineage
import Trace

enum PerfettoTrack {
  /// One track of all findings, and what each other kind's numbers begin with: below 2^53, which JavaScript can tell apart.
  private enum Kind: UInt64 {
    case findings = 1
    case process, thread, spins, processorTime, channel, bytes, bytesBack
  }

  static let findings = number(.findings, 0)
  static func process(_ id: ProcessID) -> UInt64 { number(.process, id.index) }
  static func thread(_ id: ThreadID) -> UInt64 { number(.thread, id.index) }
  /// Below a thread: its spins, which last over many of its calls; and its processor time.
  static func spins(_ id: ThreadID) -> UInt64 { number(.spins, id.index) }
  static func processorTime(_ id: ThreadID) -> UInt64 { number(.processorTime, id.index) }
  /// Below the process that made it, by serial number: a channel, and how much waits in it.
  static func channel(_ serial: UInt32) -> UInt64 { number(.channel, serial) }
  static func bytes(_ serial: UInt32, back: Bool) -> UInt64 { number(back ? .bytesBack : .bytes, serial) }

  private static func number(_ kind: Kind, _ index: UInt32) -> UInt64 { kind.rawValue << 40 | UInt64(index) }
}

extension PerfettoTrackDescriptor {
  /// A track among others that belong to what `parent` stands for.
  init(_ track: UInt64, name: String, below parent: UInt64?) {
    self.init()
    uuid = track
    self.name = name
    if let parent { parentUuid = parent }
  }

  static func process(_ process: ProcessState, world: World, tables: TraceTables) -> Self {
    var track = Self()
    track.uuid = PerfettoTrack.process(process.id)
    track.process.pid = process.pid
    track.process.cmdline = world.arguments(of: process.id).map { EventText.harmless(tables.text($0)) }
    let name = world.command(process.id, tables)
    track.process.processName = world.givenName(of: process.id, tables).map { "\(name) \"\($0)\"" } ?? name
    return track
  }

  static func thread(_ thread: ThreadState, pid: Int32, tables: TraceTables) -> Self {
    var track = Self()
    track.uuid = PerfettoTrack.thread(thread.id)
    track.parentUuid = PerfettoTrack.process(thread.process)
    track.thread.pid = pid
    track.thread.tid = Int64(thread.tid)
    let name = thread.givenName == .empty ? thread.name : thread.givenName
    if name != .empty { track.thread.threadName = EventText.harmless(tables.text(name)) }
    return track
  }
}
