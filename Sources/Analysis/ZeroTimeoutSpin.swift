// zero-timeout-spin: a thread waits with a timeout of nothing, finds nothing, and does so again and again without ever waiting: a
// poll(0) where a timeout was meant, a deadline that has passed, an event loop that always has something to run.
//
// 512 such waits without a rest or progress between (netty's threshold). It is a note until harm is seen: the thread has burnt its
// core by it for a second, and a short look at all of its calls shows that it makes no others and does less than 8 µs of work of its
// own between them. An event loop that has work (a busy asyncio, setImmediate) polls with 0 by right, and looks the same but for that.
//
// Spared: sleeps and blocking waits between the waits, however short; threads that make other calls between (a copy that asks whether
// it is cancelled), or work for more than 50 µs; threads that look a fixed number of times and then sleep; spins on something ready,
// which are busy-poll's; processes with io_uring.

import Lineage
import Trace

enum ZeroTimeoutSpin {
  /// A thread that turned for so long has burnt its core.
  static let longHarm: Nanoseconds = 1_000_000_000
  /// A spin that the thread itself ended by a rest before this was one for a purpose.
  private static let shortest: Nanoseconds = 300_000_000
  /// What an empty loop does between its calls, in C and in an interpreter.
  static let idleWork: Nanoseconds = 8_000
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
    guard stretch.isOfProbes, stretch.probes >= FruitlessTurns.threshold else { return false }
    if stretch.endedByRest, stretch.duration < shortest { return false }
    if let look = stretch.look {
      guard look.isIdle, look.work <= mostWork, stretch.gap <= mostGapWithLook else { return false }
    } else if stretch.gap > mostGap {
      return false
    }
    // Its waits return something in turn: that is told already.
    return !spins.contains { $0.thread == stretch.thread && $0.first <= stretch.last && stretch.first <= $0.last }
  }

  private static func severity(_ stretch: FruitlessStretch) -> Severity {
    guard let look = stretch.look, look.work <= idleWork, stretch.unbroken >= longHarm,
      stretch.tiny * 2 < stretch.probes
    else { return .note }
    return .error
  }

  private static func conclusion(
    _ stretch: FruitlessStretch, others: Int, world: World, tables: TraceTables
  ) -> Conclusion {
    let victim = world.party(stretch.process, thread: stretch.thread, execed: execed(stretch.process, world), tables)
    let severity = severity(stretch)
    let works = stretch.look.map { $0.work > idleWork } ?? false
    let probe = stretch.probe
    let fd = probe?.object.fd ?? -1
    let on = fd >= 0 ? " on fd \(fd)\(probe?.object.kind.map { " (\(ObjectWords.noun($0)))" } ?? "")" : ""
    let isChild = [.wait4, .waitid].contains(probe?.syscall)
    let what =
      isChild
      ? "with WNOHANG" : stretch.tiny * 2 >= stretch.probes ? "with a timeout of less than 1 µs" : "with a timeout of 0"
    var message =
      "\(victim.command) (pid \(victim.pid)\(victim.pid == victim.tid ? "" : ", thread \(victim.tid)")) turns without waiting: \(grouped(stretch.probes)) calls of \(probe?.syscall.name ?? "poll")\(on) \(what) found nothing in \(Duration.text(stretch.duration)), from \(Duration.moment(stretch.first))"
    if works, let look = stretch.look {
      message +=
        ", with some \(Duration.text(look.work)) of work between two of them: an event loop that always has something to run (an idle source, call_soon, sleep(0)), by right if that is work to be done"
    } else if stretch.look != nil {
      message += ", and it made no other calls and did nothing between them"
    } else {
      message += ", with no rest between them"
    }
    if others > 0 { message += "; \(counted(UInt64(others), "other thread")) of it did the same" }
    let seconds = Double(stretch.duration) / 1e9
    let finding = Finding(
      rule: .zeroTimeoutSpin, severity: severity,
      confidence: stretch.look == nil ? .possible : works ? .possible : .likely, message: message, actor: nil,
      victim: victim,
      object: fd >= 0 ? object(probe!.object, world) : nil, count: stretch.probes, first: stretch.first,
      last: stretch.last, rate: seconds > 0 ? Double(stretch.probes) / seconds : nil,
      evidence: stretch.firsts.evidence(world, tables), fix: fix(isChild: isChild, works: works))
    return Conclusion(finding: finding, channel: probe?.object.channel ?? 0, file: probe?.object.file ?? 0)
  }

  static func execed(_ process: ProcessID, _ world: World) -> Bool {
    world.process(process).map { $0.parent != nil && $0.hasExeced } ?? false
  }

  static func object(_ object: FruitlessStretch.Object, _ world: World) -> FindingObject {
    FindingObject(
      kind: object.kind ?? .file, id: object.channel,
      creatorPid: object.creator.flatMap { world.process(of: $0)?.pid }, actorFD: nil, victimFD: object.fd)
  }

  private static func fix(isChild: Bool, works: Bool) -> String {
    if isChild {
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
