// Which calls change nothing: not who has which descriptor, and not what waits in a channel. A thread that makes them over
// and over spins or idles; its calls may be folded, and moved past those of other threads that change nothing either.

extension Operation {
  /// Whether something takes effect when the call begins: releases (a number is free as soon as close is entered), and
  /// what another thread's first event depends on (a child is born before fork returns).
  var actsAtBegin: Bool {
    switch self {
    case .close, .closeRange, .epollControl(_, 2, _, _, _), .spawn, .exec, .exit, .signalReturn: true
    default: false
    }
  }

  /// Whether the whole call, with this result, changes nothing.
  func isNeutral(_ result: CallResult) -> Bool {
    if result.isPending || actsAtBegin { return false }
    switch self {
    case .wait, .sleep, .futex, .control: return true
    case .transfer(let transfer):
      // The end of the file, or of a message without bytes; descriptors can come with it.
      return result.failed || transfer.direction == .input && result.rawValue == 0 && transfer.passed.isEmpty
    case .waitChild: return result.failed || result.rawValue == 0
    // EINPROGRESS: it connects, and later calls find it connected.
    case .connect: return result.failed && result.errno != 115
    default: return result.failed
    }
  }
}

extension Operation {
  /// Whether the time that the neutral call took may have been rest. A wait that found something, and a read that came away
  /// empty, return at once; what they seem to take is the scheduler's doing.
  func mayRest(_ result: CallResult) -> Bool {
    switch self {
    case .sleep, .waitChild, .futex, .lock, .plain: true
    case .wait: result.rawValue <= 0
    default: false
    }
  }
}

extension Event {
  /// Whether the event leaves open runs as they are.
  var isNeutral: Bool {
    switch body {
    case .call(_, let result, let operation): phase != .begin && operation.isNeutral(result)
    case .usage, .counter, .stack: true
    default: false
    }
  }
}
