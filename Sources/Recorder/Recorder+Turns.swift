// Threads that share a descriptor table take turns at calls that change it, so that the order of the stops is the order in which
// the kernel did it: a close, a dup2 and a fork's copy of the table cannot overlap.
//
// The turn is given before the call begins and ends with its return. A call that sleeps (an open of a fifo) must not keep the
// others waiting, since they may be what it waits for: it loses its turn, and what it then does is looked up (see
// Recorder+Overlaps), as is what blocking calls do that never ask for a turn (accept, recvmsg).

import Lineage
import Ptrace
import Trace

extension CallShape {
  /// Whether a call of this shape changes a table, or depends on what a number means just then, and is soon over.
  var needsTurn: Bool {
    switch self {
    case .pipe, .eventfd, .create, .signalfd, .memfd, .socketPair, .socket, .dup, .dup2, .dup3, .fcntl, .ioctl, .close,
      .closeRange, .open, .creat, .openat2, .epollControl, .takeDescriptor, .spawn, .unshare, .exec, .opaque, .seccomp,
      .message(.output), .messages(.output):
      true
    default: false
    }
  }
}

extension Recorder {
  /// Whether the call may begin now; if not, the tracee is held until it may.
  func isItsTurn(_ tracee: Tracee, _ shape: CallShape) -> Bool {
    guard hasBegun, shape.needsTurn, let table = world.thread(tracee.id)?.table, world.tables[table].users > 1 else {
      return true
    }
    if let holder = turns[table], holder !== tracee, !hasLostTurn(holder) { return false }
    turns[table]?.turn = nil
    turns[table] = tracee
    tracee.turn = table
    return true
  }

  private func hasLostTurn(_ holder: Tracee) -> Bool {
    guard holder.turn != nil, tracees[holder.tid] === holder else { return true }
    return !holder.isHeld && !ProcFS.isRunning(holder.tid)
  }

  /// Holds a tracee at its call's entry.
  func waitForTurn(_ tracee: Tracee, _ token: consuming StoppedTracee) {
    tracee.hold(token, signal: 0)
    tracee.waitsForTurn = true
    queue.append(tracee)
  }

  /// The call is over, or will not change the table any more.
  func endTurn(_ tracee: Tracee) {
    guard let table = tracee.turn else { return }
    tracee.turn = nil
    if turns[table] === tracee { turns[table] = nil }
  }

  /// Lets those go on whose turn it is, in the order in which they came.
  func giveTurns() throws(PtraceError) {
    guard !queue.isEmpty else { return }
    let waiting = queue
    queue.removeAll(keepingCapacity: true)
    for tracee in waiting where tracee.waitsForTurn {
      tracee.waitsForTurn = false
      // It asks again, and comes back into the queue if it must. A tracee that was killed has no token any more.
      if let token = tracee.takeHeld() { try stopped(token) }
    }
  }
}
