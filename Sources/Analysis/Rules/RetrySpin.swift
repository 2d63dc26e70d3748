// retry-spin: a call fails, and is made again at once, on the same descriptor with the same arguments, and fails in the same way:
// EAGAIN taken for "try again now", accept with EMFILE while the connection stays in the backlog, a number that is closed.
//
// 512 failures of one call without a rest or progress between. For lack of something (EMFILE, ENFILE, ENOMEM, EBADF, ...) a wait
// that tells of the descriptor at once is part of the spin: it will tell of it until the call succeeds. `error` if it lasted for a
// second, else `warning`. For EAGAIN and all others the thread must do nothing else meanwhile, as a short look at all of its calls shows; it is a
// note where it works for 30 µs or more between (an exception that Python raises and catches takes 10), or where success ended it soon.
//
// EAGAIN of one descriptor after the other, in rounds without a wait between, is one spin.
//
// Of a part of a log eight turns are enough, if they are nearly all that it shows of the thread: a possible `warning` where something
// lacks, else a note.
//
// Spared: sleeps and waits between the retries, receive timeouts, output that nobody can hear any more, closes of many numbers,
// threads that try a fixed number of times and then sleep; EAGAIN between waits with a timeout of 0, which are zero-timeout-spin's.

import Lineage
import Trace

enum RetrySpin {
  static let again: Int32 = 11
  /// ENOENT (a socket's path), EIO (a terminal that hung up), EBADF, ECHILD, EAGAIN, ENOMEM, EINVAL, ENFILE, EMFILE, ENOTSOCK,
  /// ECONNABORTED, ENOBUFS, ENOTCONN,
  /// ECONNREFUSED, EALREADY, EINPROGRESS: trying again at once does not mend them.
  static let errors: Set<Int32> = [2, 5, 9, 10, 11, 12, 22, 23, 24, 88, 103, 105, 107, 111, 114, 115]
  /// Of these, what does not pass by itself: EBADF, ENOMEM, ENFILE, EMFILE, ENOBUFS. Of the others one may hope.
  static let lacks: Set<Int32> = [9, 12, 23, 24, 105]
  /// Work between the retries of a call that lacks something: error messages, mostly.
  private static let mostGap: Nanoseconds = 2_000_000
  /// What a loop that only tries again does between, at the most.
  private static let idleWork: Nanoseconds = 30_000

  static func conclusions(
    _ stretches: [FruitlessStretch], world: World, tables: TraceTables
  ) -> [Conclusion] {
    struct Key: Hashable {
      var process: ProcessID
      var syscall: Syscall
      var errno: Int32
      var fd: FD
    }
    var worst: [Key: (stretch: FruitlessStretch, failure: FruitlessStretch.Failure, count: UInt64)] = [:]
    for stretch in stretches.withoutParking() {
      guard var failure = stretch.commonest else { continue }
      if stretch.isRound {
        failure.count = stretch.again.count
        failure.fd = -1
      }
      guard isSpin(stretch, failure) else { continue }
      let key = Key(process: stretch.process, syscall: failure.syscall, errno: failure.errno, fd: failure.fd)
      let known = worst[key]
      let isWorse =
        known.map { (severity(stretch, failure), failure.count) > (severity($0.stretch, $0.failure), $0.failure.count) }
        ?? true
      worst[key] = (
        isWorse ? stretch : known!.stretch, isWorse ? failure : known!.failure, failure.count + (known?.count ?? 0)
      )
    }
    return worst.values.sorted { ($0.stretch.first, $0.failure.fd) < ($1.stretch.first, $1.failure.fd) }.map {
      conclusion($0.stretch, $0.failure, count: $0.count, world: world, tables: tables)
    }
  }

  private static func isSpin(_ stretch: FruitlessStretch, _ failure: FruitlessStretch.Failure) -> Bool {
    guard !stretch.isOfProbes, stretch.isEnough(failure.count) else { return false }
    let isLack = lacks.contains(failure.errno)
    // Who says so each time (a line in a log) spins all the same; EBADF can be an error that nobody looks at, beside other work.
    if isLack, failure.errno != 9 { return stretch.gap <= mostGap }
    if !isLack, stretch.isShortLived { return false }
    guard let look = stretch.look else { return stretch.gap <= (isLack ? mostGap : ZeroTimeoutSpin.mostGap) }
    return look.isIdle && look.work <= ZeroTimeoutSpin.mostWork && stretch.gap <= ZeroTimeoutSpin.mostGapWithLook
  }

  private static func severity(_ stretch: FruitlessStretch, _ failure: FruitlessStretch.Failure) -> Severity {
    if stretch.isShort { return lacks.contains(failure.errno) ? .warning : .note }
    let isLong = stretch.duration >= ZeroTimeoutSpin.longHarm
    if lacks.contains(failure.errno) { return isLong ? .error : .warning }
    guard let look = stretch.look, look.work <= idleWork else { return .note }
    if isLong { return .error }
    return stretch.endedByProgress ? .note : .warning
  }

  private static func conclusion(
    _ stretch: FruitlessStretch, _ failure: FruitlessStretch.Failure, count: UInt64, world: World, tables: TraceTables
  ) -> Conclusion {
    let victim = world.party(
      stretch.process, thread: stretch.thread, execed: ZeroTimeoutSpin.execed(stretch.process, world), tables)
    let kind = failure.object.kind.map { " (\(ObjectWords.noun($0)))" } ?? (failure.fd >= 0 ? " (closed number)" : "")
    let on = stretch.isRound ? roundWords(stretch.again) : failure.fd >= 0 ? " on fd \(failure.fd)\(kind)" : ""
    let names = stretch.isRound ? stretch.again.syscalls.map(\.name).joined(separator: ", ") : failure.syscall.name
    let seconds = Double(stretch.duration) / 1e9
    let message =
      "\(victim.command) (pid \(victim.pid)\(victim.pid == victim.tid ? "" : ", thread \(victim.tid)")) tries again without waiting: \(names)\(on) failed \(grouped(count)) times with \(errnoName(failure.errno)) in \(Duration.text(stretch.duration)), from \(Duration.moment(stretch.first))\(stretch.isShort ? ", which is nearly all that the log shows of it" : "")\(why(failure.errno, isAccept: failure.fd >= 0))"
    let finding = Finding(
      rule: .retrySpin, severity: severity(stretch, failure),
      confidence: stretch.isShort || !lacks.contains(failure.errno) && (stretch.look?.work ?? .max) > idleWork
        ? .possible : .certain,
      message: message, actor: nil, victim: victim,
      object: failure.fd >= 0 ? ZeroTimeoutSpin.object(failure.object, world) : nil, count: count,
      first: stretch.first, last: stretch.last, rate: seconds > 0 ? Double(failure.count) / seconds : nil,
      evidence: stretch.firsts.evidence(world, tables), fix: fix(failure.errno))
    return Conclusion(
      finding: finding, channel: stretch.isRound ? 0 : failure.object.channel,
      file: stretch.isRound ? 0 : failure.object.file)
  }

  private static let mostNamed = 4

  /// ` on 12 descriptors in turn (fd 3, fd 4, fd 5, fd 6 and others)`.
  private static func roundWords(_ again: Refusals) -> String {
    let named = again.fds.prefix(mostNamed).map { "fd \($0)" }.joined(separator: ", ")
    return " on \(again.fds.count) descriptors in turn (\(named)\(again.fds.count > mostNamed ? " and others" : ""))"
  }

  private static func why(_ errno: Int32, isAccept: Bool) -> String {
    switch errno {
    case again: ": there was nothing to be had yet, and nothing waited for it"
    case 23, 24:
      isAccept
        ? ": no descriptor was free for the connection, which stays in the backlog and is told of again"
        : ": no descriptor was free, and nothing was closed between"
    case 9: ": the number is not open"
    default: ", and nothing changed between"
    }
  }

  private static func fix(_ errno: Int32) -> String {
    switch errno {
    case again:
      "After EAGAIN wait until poll, select or epoll tells of the descriptor, or make it blocking (O_NONBLOCK off)."
    case 23, 24:
      "On EMFILE or ENFILE take the listening socket out of the wait set for a while, close something, or keep a spare descriptor to accept and close with; and raise RLIMIT_NOFILE."
    case 9:
      "EBADF does not pass: stop using the number where it is closed, and end the loop on this error."
    default:
      "Do not retry this error at once: give up, or wait (with a growing delay) before the next attempt."
    }
  }
}
