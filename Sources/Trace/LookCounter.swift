// What a short look at all calls of a thread showed: four counters of that thread, in this order. And what
// else only the tracer saw.

/// A counter that is told in the middle of a trace.
public enum LookCounter: String, Sendable {
  /// How many calls were looked at.
  case calls = "look-calls"
  /// Of these, those that succeeded and were neither waits nor mere questions: work of some kind.
  case others = "look-others"
  /// Processor time that a stop costs the thread, ns.
  case stop = "look-stop"
  /// Processor time between two of them, ns: what the thread does in its own code; between those two kinds of calls where it is most.
  case work = "look-work"
  /// How often the thread slept, in calls that do not stop, between two looks; and how many calls it made meanwhile that brought nothing.
  case parks = "look-parks"
  case turns = "look-turns"
  /// How many timers in a row the thread has set to a moment that had passed.
  case pastTimers = "past-timers"
}
