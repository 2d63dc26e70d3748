// zero-timeout-spin: a thread waits with a timeout of nothing, finds nothing, and does so again and again without ever waiting: a
// poll(0) where a timeout was meant, a deadline that has passed, an event loop that always has something to run.
//
// 512 such waits without a rest or progress between (netty's threshold). It is a note until harm is seen: the thread has burnt its
// core by it for a second, and short looks at all of its calls show that it makes no others and does nothing of its own between them
// (1 µs of processor time at most, and less than half of what a stop by the tracer takes), nor is away from them for long. An event loop
// that has work (a busy asyncio, setImmediate) polls with 0 by right, and looks the same but for that. A timerfd that is set to a moment
// that has passed, each time anew, counts alike.
//
// Of a part of a log eight turns are enough, if they are nearly all that it shows of the thread: a possible note.
//
// Spared: sleeps and blocking waits between the waits, however short; threads that make other calls between (a copy that asks whether
// it is cancelled), or work for more than 50 µs; threads that turn a few hundred times and then sleep or come to something (spin,
// then park); spins on something ready, which are busy-poll's; processes with io_uring.

import Lineage
import Trace

enum ZeroTimeoutSpin {
  /// A thread that turned for so long has burnt its core.
  static let longHarm: Nanoseconds = 1_000_000_000
  /// Under trace a turn takes 20 to 100 times as long as alone: with fewer turns it may have burnt a few milliseconds, and slept between.
  static let manyTurns: UInt64 = 8_000
  /// More is work by any measure.
  static let mostWork: Nanoseconds = 50_000
  /// Time between the calls, as the tracer saw it: without a look, and with one.
  static let mostGap: Nanoseconds = 150_000
  static let mostGapWithLook: Nanoseconds = 1_000_000

  static func conclusions(
    _ stretches: [FruitlessStretch], spins: [Streak], world: World, tables: TraceTables
  ) -> [Conclusion] {
    var worst: [ProcessID: (stretch: FruitlessStretch, threads: Set<ThreadID>)] = [:]
    for stretch in stretches.withoutParking() where isSpin(stretch, spins) {
      guard let known = worst[stretch.process] else {
        worst[stretch.process] = (stretch, [stretch.thread])
        continue
      }
      let isWorse = (severity(stretch), stretch.probes) > (severity(known.stretch), known.stretch.probes)
      worst[stretch.process] = (isWorse ? stretch : known.stretch, known.threads.union([stretch.thread]))
    }
    return worst.values.sorted { $0.stretch.first < $1.stretch.first }.map {
      conclusion($0.stretch, others: $0.threads.count - 1, world: world, tables: tables)
    }
  }

  private static func isSpin(_ stretch: FruitlessStretch, _ spins: [Streak]) -> Bool {
    guard stretch.isOfProbes, stretch.isEnough(stretch.probes) else { return false }
    if stretch.isShortLived { return false }
    if let look = stretch.look {
      guard look.isIdle, look.work <= mostWork, stretch.gap <= mostGapWithLook else { return false }
    } else if stretch.gap > (stretch.isAll ? mostGapWithLook : mostGap) {
      return false
    }
    // Its waits return something in turn: that is told already.
    return !spins.contains { $0.thread == stretch.thread && $0.first <= stretch.last && stretch.first <= $0.last }
  }

  private static func severity(_ stretch: FruitlessStretch) -> Severity {
    guard let look = stretch.look, look.isEmptyLoop, stretch.isRestless, stretch.duration >= longHarm,
      stretch.turns >= manyTurns,
      stretch.tiny * 2 < stretch.probes, !stretch.isOfTimers
    else { return .note }
    return .error
  }

  private static func conclusion(
    _ stretch: FruitlessStretch, others: Int, world: World, tables: TraceTables
  ) -> Conclusion {
    let victim = world.party(stretch.process, thread: stretch.thread, execed: execed(stretch.process, world), tables)
    let severity = severity(stretch)
    let works = stretch.isShort || stretch.look.map { !$0.isEmptyLoop } ?? true
    let probe = stretch.probe
    let isOfChildren = [.wait4, .waitid].contains(probe?.syscall)
    let name = victim.pid == victim.tid ? "" : ", thread \(victim.tid)"
    var message =
      "\(victim.command) (pid \(victim.pid)\(name)) turns without waiting: \(calls(stretch)) in \(Duration.text(stretch.duration)), from \(Duration.moment(stretch.first))\(stretch.isShort ? ", which is nearly all that the log shows of it" : "")\(between(stretch))"
    if others > 0 { message += "; \(counted(UInt64(others), "other thread")) of it did the same" }
    let seconds = Double(stretch.duration) / 1e9
    let finding = Finding(
      rule: .zeroTimeoutSpin, severity: severity,
      confidence: works ? .possible : .likely, message: message, actor: nil,
      victim: victim,
      object: probe.flatMap { $0.object.fd >= 0 ? object($0.object, world) : nil }, count: stretch.probes,
      first: stretch.first,
      last: stretch.last, rate: seconds > 0 ? Double(stretch.probes) / seconds : nil,
      evidence: stretch.firsts.evidence(world, tables), fix: fix(isOfChildren: isOfChildren, works: works))
    return Conclusion(finding: finding, channel: probe?.object.channel ?? 0, file: probe?.object.file ?? 0)
  }

  /// `1,200 calls of poll on fd 3 (pipe) with a timeout of 0 found nothing`.
  private static func calls(_ stretch: FruitlessStretch) -> String {
    guard let probe = stretch.probe else { return "\(counted(stretch.probes, "call"))" }
    let kind = probe.object.kind.map { " (\(ObjectWords.noun($0)))" } ?? ""
    let on = probe.object.fd >= 0 ? " on fd \(probe.object.fd)\(kind)" : ""
    let calls = "\(counted(stretch.probes, "call")) of \(probe.syscall.name)"
    if stretch.isOfTimers {
      return "\(calls) found the timer\(on), which is set each time to a moment that has passed,"
    }
    if [.wait4, .waitid].contains(probe.syscall) { return "\(calls) with WNOHANG found no child that had ended" }
    let timeout = stretch.tiny * 2 >= stretch.probes ? "of less than 1 µs" : "of 0"
    return "\(calls)\(on) with a timeout \(timeout) found nothing"
  }

  /// What it does between these calls, as far as that is known.
  private static func between(_ stretch: FruitlessStretch) -> String {
    guard let look = stretch.look else { return ", with no rest between them" }
    if look.isEmptyLoop { return ": a look at all of its calls showed no others, and no work between them" }
    if look.count < 2 || look.work < 1_000 { return ": a look at all of its calls showed no others" }
    return
      ", with some \(Duration.text(look.work)) of work between two of them: a loop that always has something to run (an idle source, call_soon, sleep(0)), by right if that is work to be done"
  }

  static func execed(_ process: ProcessID, _ world: World) -> Bool {
    world.process(process).map { $0.parent != nil && $0.hasExeced } ?? false
  }

  static func object(_ object: FruitlessStretch.Object, _ world: World) -> FindingObject {
    FindingObject(
      kind: object.kind ?? .file, id: object.channel,
      creatorPid: object.creator.flatMap { world.process(of: $0)?.pid }, actorFD: nil, victimFD: object.fd)
  }

  private static func fix(isOfChildren: Bool, works: Bool) -> String {
    if isOfChildren {
      return
        "Wait for the child without WNOHANG, or for its pidfd or SIGCHLD in the loop's wait; if it must be asked for now and then, sleep between."
    }
    if works {
      return
        "If nothing is to be done at once, do not keep something scheduled: replace the idle source, call_soon or sleep(0) by an event, a condition or a timer, so that the loop can wait."
    }
    return
      "Wait with a real timeout, or with none (-1) where a descriptor tells; compute the timeout from the next deadline, rounded up, and treat a deadline that has passed as due now: run it and take it out of the list."
  }
}
