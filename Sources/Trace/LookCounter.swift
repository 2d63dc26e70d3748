// What a short look at all calls of a thread showed: three counters of that thread, in this order. And a fourth, of a pause.

/// A counter that is told in the middle of a trace.
public enum LookCounter: String, Sendable {
  /// How many calls were looked at.
  case calls = "look-calls"
  /// Of these, those that succeeded and were neither waits nor mere questions: work of some kind.
  case others = "look-others"
  /// Processor time between two of them, ns: what the thread does in its own code.
  case work = "look-work"
  /// Between two calls that brought nothing, the thread did something else for so long, ns: it slept or worked unseen.
  case pause = "look-pause"
}
