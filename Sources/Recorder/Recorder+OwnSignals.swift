// The signals that come to us: what the terminal, a shell or the target itself sends to the process group that we share with it,
// and what is meant for the target or for us.

import CLinux
import Glibc
import Ptrace
import Trace

extension Recorder {
  /// How long a signal takes to reach all of a process group, at the most.
  private static let groupTime: Nanoseconds = 50_000_000

  /// How long after a stop the tracer is taken to be asleep.
  private static let quietTime: Nanoseconds = 2_000_000

  /// What interrupts the sleep until the next stop: what is waited for, and once the moment after which it is a long sleep.
  func setTicker() {
    let patience = self.patience
    if isQuiet {
      clinux_tick(max(0, patience))
    } else {
      let quiet = Int64(Self.quietTime)
      clinux_tick(patience < 0 ? quiet : min(patience, quiet))
    }
  }

  /// Takes the signals that have come. `isBusy`: stops have come as well.
  func takeSignals(isBusy: Bool) throws(PtraceError) {
    if !isBusy {
      let slept = Self.clock(CLOCK_MONOTONIC) - lastStop
      if !isQuiet, slept >= Self.quietTime {
        isQuiet = true
        writer.flushBegins()
      }
      let patience = self.patience
      if patience >= 0, slept >= UInt64(patience) { try adoptOrphans() }
    }
    var sender: Int32 = 0
    repeat {
      let signal = clinux_next_signal(&sender)
      take(signal, from: sender)
    } while clinux_has_signal() != 0 && !isLettingGo
    passOn()
    if !writer.isOpen { endTelling() }
    if !hasFilter, deadline.map({ now >= $0 }) == true || isEnough() { isLettingGo = true }
  }

  /// Nothing can be written any more. Attached programs are let go. Launched ones need us, for their filters ask: they go on, and what
  /// only the trace was for is left.
  private func endTelling() {
    if !hasFilter, observer == nil { isLettingGo = true }
    stacks = nil
    embedsSymbols = false
  }

  private func take(_ signal: Int32, from sender: Int32) {
    // What a target sends to its process group, where we are too, is not meant for us: it has it already.
    let isForUs = sender == 0 || !isTraced(sender)
    switch signal {
    case 0: break
    case SIGTSTP, SIGTTIN, SIGTTOU:
      // A program in raw mode stops its own group for ^Z.
      lastTerminalStop = now
      if isRootStopped { stopWithRoot() }
    case _ where !isForUs: break
    case SIGQUIT where hasFilter: break
    case SIGINT, SIGQUIT:
      if !hasFilter {
        isLettingGo = true
        return
      }
      // The terminal gave it to the target as well. A second within a second means us too.
      let time = now
      if let last = lastInterrupt, time < last + 1_000_000_000 { end() }
      lastInterrupt = time
    case SIGTERM, SIGHUP:
      if !hasFilter {
        isLettingGo = true
      } else if tracees[root] == nil {
        end()
      } else if sender != 0 {
        toPassOn = (signal, sender, now)
      }
    // From the kernel HUP comes to a terminal's whole foreground group.
    default: break
    }
  }

  /// Passes a signal on to the root, unless that has it already: sent to the whole process group, as timeout(1) and shells do.
  private func passOn() {
    // What came before the exec was noted in another time (see `execed`): it may be later than now.
    guard let (signal, sender, time) = toPassOn, now >= time + Self.groupTime else { return }
    toPassOn = nil
    let hasIt =
      lastDelivered.signal == signal && lastDelivered.sender == sender && lastDelivered.time + Self.groupTime >= time
    if !hasIt, !ProcFS.isPending(signal, for: root) { kill(root, signal) }
  }

  private func isTraced(_ pid: Int32) -> Bool { tracees.values.contains { $0.process.pid == pid } || pid == lastEnded }

  /// How long to sleep without a stop, in ns; -1 for ever.
  private var patience: Int64 {
    if isHolding || !unsettled.isEmpty || !queue.isEmpty || arrivalDeadline != nil { return 1_000_000 }
    if toPassOn != nil { return 10_000_000 }
    // A parent that lives will tell of its child as soon as it is its turn: in this time, or it is gone.
    if !unclaimed.isEmpty { return 20_000_000 }
    if looksForBurners { return Int64(Self.lookInterval) }
    if looksForSleepers { return Int64(Self.sleepLook) }
    if hasFilter { return -1 }
    // Targets are let go when it is time, and not when one of them happens to wake.
    let left = deadline.map { Int64($0 - min(now, $0)) } ?? .max
    return min(50_000_000, max(1_000_000, left))
  }

  private func end() {
    isEnding = true
    for tid in tracees.keys { kill(tid, SIGKILL) }
    for tid in unclaimed.keys { kill(tid, SIGKILL) }
  }

  /// The terminal stops its whole foreground group; we do so after the root did, since its handler may have work to do first.
  private func stopWithRoot() {
    lastTerminalStop = nil
    clinux_stop_with(root, rootStop)
    // Who continued us meant the root.
    if isRootStopped, !ProcFS.isPending(SIGCONT, for: root) { kill(root, SIGCONT) }
  }

  /// The terminal's stop is for its whole foreground group. A root that was stopped in another way may have children that will
  /// continue it, so only one that is alone takes us along.
  func stopWithRootIfAsked() {
    let isAlone = tracees.values.allSatisfy { $0.process.pid == root } && unclaimed.isEmpty
    let isAsked = lastTerminalStop.map { now < $0 + 1_000_000_000 } ?? false
    if hasFilter, isAsked || isAlone { stopWithRoot() }
  }
}
