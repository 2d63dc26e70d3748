// The sentence for a spin: which thread, on what, since when, how often, and who made it ready.

import Lineage
import Trace

extension BusyPoll {
  static func finding(_ streak: Streak, world: World, tables: TraceTables) -> Finding {
    let victim = world.party(
      streak.process, thread: streak.thread,
      execed: world.process(streak.process).map { $0.parent != nil && $0.hasExeced } ?? false,
      tables)
    var actor: Party?
    var why = ""
    var actorFD: FD?
    if let culprit = streak.culprit, streak.returned.contains(.input) {
      actor = world.party(culprit.process, thread: culprit.writer, execed: culprit.execed, tables)
      let what = streak.kind == .eventfd ? "wrote it" : "wrote \(counted(culprit.count, "byte"))"
      let through = culprit.fd >= 0 ? " (fd \(culprit.fd) there)" : ""
      let who = culprit.process == streak.process ? "the process itself" : world.introduce(actor!)
      let fate = streak.isCulpritNext ? "nobody has read it since" : "it has not been empty since"
      why = ": \(who) \(what)\(through) at \(Duration.moment(culprit.time)), and \(fate)"
      actorFD = culprit.fd >= 0 ? culprit.fd : nil
    } else if let closer = streak.closer, !streak.returned.intersection([.hangup, .readHangup, .error, .input]).isEmpty
    {
      actor = world.party(closer.process, thread: closer.thread, execed: closer.execed, tables)
      let who = closer.process == streak.process ? "the process itself" : world.introduce(actor!)
      let end = streak.side == .write ? "reading end" : streak.side == .read ? "writing end" : "other end"
      why =
        ": \(who) \(closer.byShutdown ? "shut down the other end" : "closed the last \(end)") at \(Duration.moment(closer.time)), and \(streak.isReading ? "the reader does not stop" : "the descriptor stays in the wait set")"
    } else if streak.returned.contains(.invalid) {
      why = ": the number is not open, and stays in the wait set"
    } else if streak.isUnnamed {
      why =
        ": of which descriptor it told, and whether edge-triggered, is not known, as that was added before the log"
    } else if streak.isFile {
      why = ": it is at its end, reads of it return 0, and it stays in the wait set"
    } else if streak.isAtEnd {
      why = ": it is at its end, as reads of it that return 0 say, and it stays in the wait set"
    } else if streak.returned == .output {
      why = ": it can be written all the time, and nothing is written"
    } else if streak.predates, streak.returned.contains(.input), streak.waitingBefore > 0 {
      let what =
        streak.kind == .eventfd
        ? "its count has been \(grouped(streak.waitingBefore))"
        : "it has had \(counted(streak.waitingBefore, "byte")) waiting"
      why = ": \(what) since before the trace, which began too late to show who wrote\(holders(streak, world, tables))"
    } else if streak.returned.contains(.input), streak.waitingBefore > 0 {
      why = ": what waits in it was put there before this process was watched (scope light), so that nobody saw by whom"
    } else if streak.predates {
      why = ": what is there was there before the trace, or comes from outside of it\(holders(streak, world, tables))"
    } else {
      why = ", and nobody consumes it"
    }
    let seconds = Double(streak.last.less(streak.first)) / 1e9
    let rate = seconds > 0 ? Double(streak.returns) / seconds : nil
    let kind = streak.isUnnamed ? "epoll, an entry of it" : streak.kind.map { ObjectWords.noun($0) } ?? "closed number"
    let name = victim.pid == victim.tid ? "" : ", thread \(victim.tid)"
    return Finding(
      rule: .busyPoll, severity: streak.isShort ? .warning : .error,
      confidence: streak.isShort
        ? .possible
        : streak.culprit != nil || streak.closer != nil || streak.returned.contains(.invalid)
          ? .certain : .likely,
      message:
        "\(victim.command) (pid \(victim.pid)\(name)) spins on fd \(streak.fd) (\(kind)): \(grouped(streak.returns)) \(streak.isReading ? "reads" : "waits") in \(Duration.text(streak.last.less(streak.first))) returned \(streak.isReading ? "0" : EventText.readiness(streak.returned)) without progress, from \(Duration.moment(streak.first))\(streak.isShort ? ", which is nearly all that the log shows of it" : "")\(why)",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: streak.kind ?? .file, id: streak.channel,
        creatorPid: streak.creator.flatMap { world.process(of: $0)?.pid }, actorFD: actorFD, victimFD: streak.fd),
      count: streak.returns, first: streak.first, last: streak.last, rate: rate,
      evidence: streak.firsts.evidence(world, tables),
      fix: Fixes.busyPoll(
        returned: streak.isAtEnd ? streak.returned.union(.hangup) : streak.returned, kind: streak.kind,
        foreign: streak.culprit.map { $0.process != streak.process } ?? false))
  }

  /// Who holds the end that could have made it ready.
  private static func holders(_ streak: Streak, _ world: World, _ tables: TraceTables) -> String {
    guard streak.kind != .unknown, let slot = world.slot(ofChannel: streak.channel) else { return "" }
    let writers = world.writers(of: slot, to: streak.side, tables: tables)
    guard !writers.isEmpty else { return "" }
    return
      "; its \(streak.kind == .eventfd ? "other holders are" : "write end is held by") \(writers.joined(separator: ", "))"
  }
}
