// Where the events of a trace come from: a .flt file, or a log of strace's.

/// What wrote a trace's events.
public enum TraceSource: String, Sendable {
  case flt, strace
}

/// Events in their order, batch by batch, in memory that does not grow with their number.
public protocol EventSource: AnyObject {
  /// The file, or the first of several.
  var path: String { get }
  var header: TraceHeader { get }
  /// What the events' ids stand for; it grows with them.
  var tables: TraceTables { get }
  /// Whether the writer finished it.
  var isComplete: Bool { get }
  /// What ended the reading before the end, if anything did.
  var damage: TraceError? { get }
  /// How far reading has come, 0 to 1.
  var progress: Double { get }
  /// Puts the next events into `batch`, replacing what it held. False at the end.
  func next(into batch: inout EventBatch) -> Bool
}
