// Which stack belongs to which call: a stack is told before its call, and a call may be told twice, by its begin and its end.

import Trace

/// Where threads stand in the calls that they are inside of, or that are told next of them.
public struct StandingStacks: Sendable {
  private var stacks: [ThreadID: (stack: StackID, isBegun: Bool)] = [:]

  public init() {}

  /// Puts into the next event of the trace the stack that was told for its call, if one was.
  public mutating func place(on event: inout Event) {
    if case .stack(let stack, true) = event.body {
      stacks[event.thread] = (stack, false)
    } else if !stacks.isEmpty, case .call = event.body, let known = stacks[event.thread] {
      // What a call had that never ended is not the next one's.
      let isOther = known.isBegun && event.phase != .end
      if !isOther { event.stack = known.stack }
      stacks[event.thread] = event.phase == .begin && !isOther ? (known.stack, true) : nil
    } else if case .end = event.body {
      stacks[event.thread] = nil
    }
  }
}
