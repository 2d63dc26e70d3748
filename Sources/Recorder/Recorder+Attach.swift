// Attaching to programs that run, and letting them go.
//
// Every thread is seized and interrupted once; while all of them stand still, what was there before is written down. From
// then on they stop at each call's entry and return, since a filter could not be taken back. They are let go by the end of
// the thread that traces them: the kernel then detaches each as it is (Linux 6.1, kernel/ptrace.c, exit_ptrace), in the
// middle of a call or stopped, and no call is woken for it.

import CLinux
import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How long to wait for threads that do not stop, since they sleep uninterruptibly.
  static let arrivalTime: Nanoseconds = 200_000_000
  /// How long a running thread is looked at before it is interrupted.
  private static let lookingTime: Nanoseconds = 20_000_000
  /// How long a program may exec while we attach.
  private static let execTime: Nanoseconds = 5_000_000_000

  /// How long to stay, and what ends it sooner.
  public struct Stay {
    /// ns; nil: until SIGINT or SIGTERM, or the end of the programs.
    public var duration: Nanoseconds?
    /// Asked at least every 50 ms.
    public var isEnough: () -> Bool
    /// Take their descendants along, as far as they can be attached to.
    public var takesDescendants: Bool

    public init(
      duration: Nanoseconds? = nil, takesDescendants: Bool = false, isEnough: @escaping () -> Bool = { false }
    ) {
      self.duration = duration
      self.takesDescendants = takesDescendants
      self.isEnough = isEnough
    }
  }

  /// Attaches to all threads of the processes, follows them and their children to come, and lets them go.
  public static func attach(
    to pids: [Int32], path: String?, isKept: Bool = true, settings: Settings, stay: Stay, observer: Observer? = nil
  ) throws(RecorderError) -> Outcome {
    let named = try path.map { path throws(RecorderError) in try Self.destination(path) }
    let destination = isKept ? named : TraceDestination.nameless
    clinux_block_signals()
    nonisolated(unsafe) var outcome: Result<Outcome, RecorderError> = .failure(.refused("cannot start a thread"))
    nonisolated(unsafe) let watcher = observer
    nonisolated(unsafe) let stay = stay
    // A tracee belongs to an OS thread, and is let go with it.
    OneThread.run {
      do throws(RecorderError) {
        outcome = .success(
          try follow(pids, destination, settings: settings, stay: stay, observer: watcher))
      } catch {
        outcome = .failure(error)
      }
    }
    clinux_restore_signals()
    return try outcome.get()
  }

  private static func follow(
    _ pids: [Int32], _ destination: TraceDestination?, settings: Settings, stay: Stay, observer: Observer?
  ) throws(RecorderError) -> Outcome {
    var processes: [Int32] = []
    for pid in pids {
      guard let family = ProcFS.family(of: pid) else { throw .refused("no process has the number \(pid)") }
      if let reason = Refusal.known(family.process) { throw .refused("cannot attach to \(pid): \(reason)") }
      if !processes.contains(family.process) { processes.append(family.process) }
    }
    let name = ProcFS.name(of: processes[0], in: processes[0]).map { String(decoding: $0, as: UTF8.self) } ?? "program"
    let usual = usualPath(name, processes[0])
    let writer = try output(to: destination ?? .file(usual), beganAfterStart: true, settings: settings)
    let recorder = Recorder(
      writer: writer, root: 0, hasFilter: false, start: clock(CLOCK_MONOTONIC), payloadLimit: settings.payloadLimit,
      observer: observer)
    recorder.redaction = settings.redacts ? Redaction() : nil
    recorder.startStacks(settings)
    recorder.hasBegun = true
    recorder.strangers = Set(ProcFS.children(of: getpid())).subtracting(processes)
    recorder.arrivalDeadline = arrivalTime
    recorder.deadline = stay.duration
    recorder.isEnough = stay.isEnough
    do {
      for pid in processes { try recorder.seizeAll(of: pid) }
    } catch {
      recorder.leave()
      writer.discard()
      throw .refused("cannot attach: \(error); `faultline doctor` tells what is allowed")
    }
    if stay.takesDescendants {
      for pid in descendants(of: processes) where Refusal.known(pid) == nil { try? recorder.seizeAll(of: pid) }
    }
    do {
      try recorder.loop()
    } catch {
      recorder.leave()
      _ = recorder.finish()
      throw .refused("\(error)")
    }
    recorder.leave()
    return recorder.finish()
  }

  /// How many processes are taken along, at the most.
  private static let mostDescendants = 64

  private static func descendants(of processes: [Int32]) -> [Int32] {
    var found: [Int32] = []
    var next = processes[...]
    while let pid = next.popFirst(), found.count < mostDescendants {
      let children = ProcFS.children(of: pid).filter { !processes.contains($0) && !found.contains($0) }
      found += children
      next += children
    }
    return Array(found.prefix(mostDescendants))
  }

  /// Seizes thread after thread until a scan finds no new one.
  private func seizeAll(of pid: Int32) throws(PtraceError) {
    var isNew = true
    while isNew {
      isNew = false
      for tid in ProcFS.threads(of: pid) where tracees[tid] == nil {
        do {
          try seize(tid)
        } catch {
          // It has ended meanwhile (a leader before its threads, too), or was born of a thread that is seized already, and
          // will be heard of.
          if error.isGone || ProcFS.tracer(of: tid) == getpid() || !ProcFS.isAlive(tid) { continue }
          throw error
        }
        isNew = true
        welcome(tid, of: pid)
        guard let tracee = tracees[tid] else { continue }
        tracee.isSpared = isCutShortByInterrupt(tid)
        if !tracee.isSpared, ProcFS.syscall(of: tid) == nil, ProcFS.isRunning(tid) {
          // It may be in the midst of a transfer: a look at it while it sleeps will tell.
          tracee.isSpared = true
          tracee.sparedUntil = now + Self.lookingTime
        }
        if !tracee.isSpared { try? Ptrace.interrupt(tid) }
      }
    }
  }

  /// Seizes one thread. While another thread of its process execs, the kernel makes us wait for that, and the exec waits for threads
  /// that we have seized to end (Linux 6.1, fs/exec.c, de_thread, under cred_guard_mutex): those are answered meanwhile.
  private func seize(_ tid: Int32) throws(PtraceError) {
    let deadline = now + Self.execTime
    var refusals = 0
    while true {
      do {
        // Without TRACESECCOMP: a filter of the target's own that returns TRACE finds no tracer, as before.
        return try Ptrace.seize(tid, options: .follow.subtracting(.traceSeccomp), patience: 20)
      } catch {
        // A leader that has just ended is refused, and is a thread again when another takes its number by exec.
        let isPassing = error.errno == EPERM && refusals < 20 && ProcFS.tracer(of: tid) == 0 && ProcFS.isAlive(tid)
        guard error.errno == EAGAIN || isPassing, now < deadline else { throw error }
        if isPassing {
          refusals += 1
          usleep(1000)
        }
      }
      if ProcFS.tracer(of: tid) == getpid() { return }
      var noTracees = false
      while let status = Tracees.nextStatus(noTracees: &noTracees) { try dispatch(status) }
    }
  }

  /// Calls that return what they have done so far when they are interrupted.
  private static let notResumable: Set<Int> = Set(
    [
      Syscall.write, .writev, .pwrite64, .pwritev, .pwritev2, .sendto, .sendmsg, .sendmmsg, .sendfile, .splice, .tee,
      .vmsplice,
    ]
    .map { Int($0.number) })

  /// Whether the call that a launched thread sleeps in would be another one after an interrupt: it is cut short, or gives up after a
  /// time (SO_RCVTIMEO), which would begin anew.
  func isChangedByInterrupt(_ tracee: Tracee) -> Bool {
    guard let call = ProcFS.syscall(of: tracee.tid) else { return false }
    switch Syscall(call.number) {
    case .read, .readv, .recvfrom, .recvmsg, .accept, .accept4, .connect:
      let fd = FD(truncatingIfNeeded: call.arguments.0)
      let sends: Int32 = Syscall(call.number) == .connect ? 1 : 0
      if clinux_socket_timeout(tracee.process.pid, fd, sends) > 0 { return true }
    default: break
    }
    return isCutShortByInterrupt(tracee.tid)
  }

  func isCutShortByInterrupt(_ tid: Int32) -> Bool {
    guard let call = ProcFS.syscall(of: tid) else { return false }
    switch Syscall(call.number) {
    // MSG_WAITALL
    case .recvfrom: return call.arguments.3 & 0x100 != 0
    case .recvmsg: return call.arguments.2 & 0x100 != 0
    case .recvmmsg: return true
    default: return Self.notResumable.contains(call.number)
    }
  }

  /// Interrupts those that were spared and are out of their call.
  func interruptSpared() {
    for tracee in tracees.values where tracee.isSpared {
      let sleeps = ProcFS.syscall(of: tracee.tid) != nil
      if sleeps, isCutShortByInterrupt(tracee.tid) {
        tracee.sparedUntil = nil
      } else if sleeps || tracee.sparedUntil.map({ now >= $0 }) == true {
        tracee.isSpared = false
        try? Ptrace.interrupt(tracee.tid)
      }
    }
  }

}

/// Runs a body on a thread of its own, to its end.
enum OneThread {
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  static func run(_ body: () -> Void) {
    withoutActuallyEscaping(body) { body in
      var thread = pthread_t()
      let box = Unmanaged.passRetained(Body(body))
      let failed = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
          return nil
        }, box.toOpaque())
      if failed == 0 {
        pthread_join(thread, nil)
      } else {
        box.release()
      }
    }
  }
}
