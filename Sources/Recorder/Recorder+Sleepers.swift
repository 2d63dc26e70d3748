// Threads that sleep in a call that the filter let through: a read of standard input, a lock, a futex. Such calls are not worth a stop
// while they return; one that does not return for a second explains a hang, and is written down.
//
// Four times a second a thread that has told nothing is looked at in /proc. If it is found in the same call, without having run
// meanwhile, it is interrupted once, makes its call again (the kernel restarts it), and is seen to enter and to leave it. That costs
// two readings of /proc for each look at a sleeper, and the looks become rarer while nothing comes of them.

import Lineage
import Ptrace
import Trace

/// What a thread was found to sleep in.
struct Sleep: Equatable {
  var number: Int
  var first: UInt64
  var second: UInt64
  /// How often it has gone to sleep in its life.
  var switches: UInt64
}

extension Recorder {
  static let sleepLook: Nanoseconds = 250_000_000
  private static let longestSleepLook: Nanoseconds = 8_000_000_000
  /// How many threads are looked at in one go.
  private static let mostSleepers = 256

  /// Whether sleepers are looked for at all: attached programs stop at every call, and in scope light waits are not seen either.
  /// In scope all it is futexes alone that do not stop.
  var looksForSleepers: Bool { hasFilter && scope != .light && hasBegun && !isLeaving }

  func lookForSleepers() {
    guard looksForSleepers else { return }
    let time = now
    guard time >= nextSleepLook else { return }
    nextSleepLook = time + Self.sleepLook
    var looked = 0
    for tracee in tracees.values where isOutOfSight(tracee, at: time) && looked < Self.mostSleepers {
      looked += 1
      look(tracee, at: time)
    }
  }

  private func isOutOfSight(_ tracee: Tracee, at time: Nanoseconds) -> Bool {
    tracee.call == nil && !tracee.isHeld && !tracee.isExiting && !tracee.isNewborn && tracee.injection == nil
      && !tracee.isNoticed && time >= tracee.nextSleepLook && time - min(time, tracee.lastTold) >= Self.sleepLook
      && !tracee.process.stopsEverywhere && !tracee.process.hasOwnFilter
  }

  private func look(_ tracee: Tracee, at time: Nanoseconds) {
    guard let call = ProcFS.syscall(of: tracee.tid), isOfInterest(call, tracee) else {
      // It runs, or sleeps where nothing is to be explained.
      tracee.sleep = nil
      let pause = min(2 * max(tracee.sleepPause, Self.sleepLook), Self.longestSleepLook)
      tracee.sleepPause = pause
      tracee.nextSleepLook = time + pause
      return
    }
    tracee.sleepPause = 0
    let sleep = Sleep(
      number: call.number, first: call.arguments.0, second: call.arguments.1,
      switches: ProcFS.voluntarySwitches(of: tracee.tid) ?? 0)
    guard let former = tracee.sleep, former == sleep else {
      tracee.sleep = sleep
      tracee.sleepSince = time
      return
    }
    if isChangedByInterrupt(tracee) { return }
    tracee.isNoticed = (try? Ptrace.interrupt(tracee.tid)) != nil
  }

  /// A process is to be killed: what its threads were found to sleep in, and still do, is written down before.
  func noteSleepers(in pid: Int32) {
    guard looksForSleepers else { return }
    for tracee in tracees.values
    where tracee.process.pid == pid && tracee.call == nil && !tracee.isHeld && !tracee.isExiting {
      guard let sleep = tracee.sleep, let call = ProcFS.syscall(of: tracee.tid), call.number == sleep.number,
        call.arguments.0 == sleep.first, call.arguments.1 == sleep.second,
        ProcFS.voluntarySwitches(of: tracee.tid) == sleep.switches, let shape = SyscallTable.shape(UInt64(call.number))
      else { continue }
      tracee.sleep = nil
      enter(tracee, Syscall(call.number), shape, call.arguments, entered: tracee.sleepSince)
      noteLock(tracee)
    }
  }

  /// Calls without a timeout that do not stop otherwise, and that a program may hang in.
  private func isOfInterest(_ call: (number: Int, arguments: Arguments), _ tracee: Tracee) -> Bool {
    let fd = FD(truncatingIfNeeded: call.arguments.0)
    switch Syscall(call.number) {
    case .read, .readv, .recvfrom, .recvmsg:
      return isChannel(fd, tracee) && !world.sight(of: tracee.id).sees(.reads, on: fd)
    case .accept, .accept4: return !world.sight(of: tracee.id).sees(.reads, on: fd)
    case .flock: return true
    // F_SETLKW, F_OFD_SETLKW.
    case .fcntl: return [7, 38].contains(call.arguments.1)
    // FUTEX_WAIT, LOCK_PI, WAIT_BITSET, LOCK_PI2, private and without a timeout.
    case .futex:
      return tracee.process.wasForkedAmongThreads && call.arguments.1 & 128 != 0 && call.arguments.3 == 0
        && [0, 6, 9, 13].contains(call.arguments.1 & 0x7F)
    default: return false
    }
  }

  private func isChannel(_ fd: FD, _ tracee: Tracee) -> Bool {
    let kind = world.file(world.descriptor(fd, of: tracee.id).file)?.kind ?? ProcFS.descriptor(fd, of: tracee.tid)?.kind
    return kind.map { [.pipe, .fifo, .socketpair, .socket].contains($0) } ?? false
  }

  /// A sleeper that was interrupted stands at a call's entry: true, and since when, if it is the call that it slept in.
  func goesOnSleeping(_ tracee: Tracee, _ stop: SyscallStop) -> Nanoseconds? {
    defer {
      tracee.isNoticed = false
      tracee.sleep = nil
    }
    guard let sleep = tracee.sleep, stop.architecture == Self.x86_64, stop.number == UInt64(sleep.number),
      stop.arguments.0 == sleep.first, stop.arguments.1 == sleep.second
    else { return nil }
    return tracee.sleepSince
  }
}
