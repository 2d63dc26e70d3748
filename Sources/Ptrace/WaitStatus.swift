// A status from wait4(2), told apart as ptrace(2) describes it for a seized tracee.

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

public enum Tracees {
  /// The next status that is ready, nil if none is. `noTracees` is set when none is left (ECHILD).
  ///
  /// Always for any tracee (__WALL), never for one: a call that waited for one tid would deadlock with another thread's
  /// exec (Linux 6.1, fs/exec.c, de_thread).
  public static func nextStatus(noTracees: inout Bool) -> WaitStatus? {
    noTracees = false
    var raw: Int32 = 0
    while true {
      let tid = waitpid(-1, &raw, WNOHANG | 0x4000_0000)
      if tid == 0 { return nil }
      if tid < 0 {
        if errno == EINTR { continue }
        noTracees = true
        return nil
      }
      guard raw & 0xFF == 0x7F else { return .ended(tid: tid, raw: raw) }
      return .stopped(StoppedTracee(tid: tid, reason: reason(raw)))
    }
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
