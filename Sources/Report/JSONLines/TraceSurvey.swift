// What can be told of a trace only once all of it was read: how much there is, and the names that it carries at its end.

import Lineage
import Trace

public struct TraceSurvey: Sendable {
  public var header: TraceHeader
  /// Every text, thread, stack and name of the trace.
  public private(set) var tables: TraceTables
  public private(set) var isComplete = true
  public private(set) var events: UInt64 = 0
  public private(set) var foldedCalls: UInt64 = 0
  public private(set) var duration: Nanoseconds = 0
  /// The first thread of the trace, and argv of the first program.
  public private(set) var root: ThreadID?
  public private(set) var command: [StringID] = []

  /// Reads a trace from its beginning to its end.
  public init(_ reader: some EventSource) {
    header = reader.header
    tables = reader.tables
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events { observe(event, batch.arena) }
    }
    tables = reader.tables
    isComplete = reader.isComplete && reader.damage == nil
  }

  /// Of events in memory.
  init(_ events: [Event], arena: Arena, tables: TraceTables, header: TraceHeader) {
    self.header = header
    self.tables = tables
    for event in events { observe(event, arena) }
  }

  private mutating func observe(_ event: Event, _ arena: Arena) {
    if root == nil { root = event.thread }
    events += 1
    foldedCalls += UInt64(event.repeats) - 1
    duration = max(duration, event.time)
    guard command.isEmpty else { return }
    switch event.body {
    case .call(_, let result, .exec(let exec)) where event.phase != .begin && result.succeeded:
      command = arena.numbers(exec.arguments).map { StringID(Int($0)) }
    case .existingThread(let found): command = arena.numbers(found.arguments).map { StringID(Int($0)) }
    default: break
    }
  }
}
