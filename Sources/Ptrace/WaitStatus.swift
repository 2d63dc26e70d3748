// A status from wait4(2), told apart as ptrace(2) describes it for a seized tracee.

import CLinux
import Glibc

/// PTRACE_EVENT_* (linux/ptrace.h).
public enum PtraceEvent: Int32, Sendable {
  case fork = 1
  case vfork, clone, exec, vforkDone, exit, seccomp
  /// A group-stop, an interrupt, or a newborn.
  case stop = 128
}

/// Why a tracee stopped.
public enum StopReason: Sendable {
  /// A system call's entry or exit (PTRACE_O_TRACESYSGOOD); `syscallInfo` says which.
  case syscall
  case event(PtraceEvent)
  /// On its way to being delivered.
  case signal(Int32)
  /// The whole process is stopped by job control.
  case groupStop(Int32)
}

/// What wait reported of one tracee.
public enum WaitStatus: ~Copyable {
  case stopped(StoppedTracee)
  /// The thread is gone. `raw` is wait's encoding.
  case ended(tid: Int32, raw: Int32)
}

/// Statuses, always of any tracee (__WALL), never of one: a call that waited for one tid would deadlock with another thread's
/// exec (Linux 6.1, fs/exec.c, de_thread).
public enum Tracees {
  /// The next status that is ready, nil if none is. `noTracees` is set when none is left (ECHILD).
  public static func nextStatus(noTracees: inout Bool) -> WaitStatus? {
    var raw: Int32 = 0
    return told(clinux_poll(&raw), raw, noTracees: &noTracees)
  }

  /// Sleeps until there is a status; nil if a signal or a tick came first. All signals must be blocked.
  public static func awaitStatus(noTracees: inout Bool) -> WaitStatus? {
    var raw: Int32 = 0
    return told(clinux_wait(&raw), raw, noTracees: &noTracees)
  }

  private static func told(_ tid: Int32, _ raw: Int32, noTracees: inout Bool) -> WaitStatus? {
    noTracees = tid < 0
    guard tid > 0 else { return nil }
    guard raw & 0xFF == 0x7F else { return .ended(tid: tid, raw: raw) }
    return .stopped(StoppedTracee(tid: tid, reason: reason(raw)))
  }

  private static func reason(_ raw: Int32) -> StopReason {
    let signal = raw >> 8 & 0xFF
    let event = raw >> 16
    if event == PtraceEvent.stop.rawValue {
      return signal == SIGTRAP ? .event(.stop) : .groupStop(signal)
    }
    if event != 0, let known = PtraceEvent(rawValue: event) { return .event(known) }
    if signal == SIGTRAP | 0x80 { return .syscall }
    return .signal(signal)
  }
}
