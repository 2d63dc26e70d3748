// Keeping cores awake: most of a stop's price is that the core which the tracer or the tracee left has gone to sleep, and must be
// woken for the answer.

import CLinux
import Glibc
import Trace

/// What is done about it. All of it changes timing and power only, and ends with this process.
public final class Wakefulness {
  /// How long the next stop is looked out for before the tracer sleeps, ns: longer than a stop takes that comes at once.
  private static let longestSpin: Nanoseconds = 100_000

  private var latency: Int32 = -1
  public private(set) var isPinned = false
  /// 0 where it is not needed or not wanted.
  public private(set) var spinTime: Nanoseconds = 0

  public var isLatencyHeld: Bool { latency >= 0 }

  /// `isQuiet`: do nothing of the kind. `pins`: keep tracer and targets on one core (they then need no other to be woken).
  public init(pins: Bool, isQuiet: Bool = false) {
    if pins { isPinned = clinux_pin() == 0 }
    guard !isQuiet else { return }
    // The kernel keeps idle cores from deep sleep as long as a 0 is held here (Documentation/power/pm_qos_interface.rst). Root only.
    latency = clinux_hold_latency()
    // On one core the tracee runs only when we sleep.
    if latency < 0, !isPinned, sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 { spinTime = Self.longestSpin }
  }

  deinit { if latency >= 0 { close(latency) } }
}
