// eof-never-comes: a reader waits for the end of a pipe, fifo or socketpair while a process that will not write holds a writing end.
//
// Stated when every intended writer has been gone for a second or more (CASES.md), the reader waits all that time, and who still holds
// a writing end has never written: a process that merely inherited it, the reader itself, or one that sleeps until the reader ends.
// An intended writer has written, had the end as its standard output, or kept a writing end alone and then closed it.
//
// Spared: slow writers (whoever may still write, by WriterIntent), makers of a channel that live and hold it (resource trackers, alive
// pipes), fifos that their reader opens for both, loops that hold both ends of their own wakeup object.

import Lineage
import Trace

struct EofNeverComes {
  private var judged: [Conclusion] = []
  /// The last long wait of a process for its children.
  private var childWaits: [ProcessID: ChildWait] = [:]

  struct ChildWait {
    var child: Int32
    var since: Nanoseconds
    var until: Nanoseconds
  }

  /// A reader that waits.
  private struct Waiting {
    var process: ProcessID
    var thread: ThreadID
    var side: Side
    var since: Nanoseconds
    var until: Nanoseconds
    /// The end came at last.
    var cameLate: Bool
    var company: Int
    /// One call took all that time, or a second of it.
    var sleeps = false
    var fd: FD?
  }

  /// A call has returned, or was left, that may have waited for children.
  mutating func waited(
    _ thread: ThreadID, _ syscall: Syscall, child: Int32, since: Nanoseconds, until: Nanoseconds, world: World
  ) {
    guard syscall == .wait4 || syscall == .waitid, until - min(until, since) >= World.longWait,
      let process = world.processID(of: thread)
    else { return }
    childWaits[process] = ChildWait(child: child, since: since, until: until)
  }

  mutating func conclude(world: World, tables: TraceTables, origins: Origins) -> [Conclusion] {
    for id in world.living {
      for thread in world.threads(of: id) {
        guard let call = world.openCall(of: thread), case .waitChild(let child) = call.operation else { continue }
        waited(thread, call.syscall, child: child, since: call.since, until: world.now, world: world)
      }
    }
    for channel in world.channels where channel.serial > 0 {
      judge(channel, world: world, tables: tables, origins: origins)
    }
    return judged
  }

  mutating func judge(_ channel: Channel, world: World, tables: TraceTables, origins: Origins) {
    switch channel.kind {
    case .pipe, .fifo, .socketpair: break
    default: return
    }
    guard !channel.predates, !channel.isDatagram, world.outsiders(of: channel.slot).isEmpty else { return }
    for reader in readers(of: channel, world: world) {
      let intent = WriterIntent(
        channel, reader: reader.process, at: reader.side, since: reader.since, until: reader.until, world: world)
      guard let verdict = intent.verdict(childWaits, isAlone: reader.company == 0 && reader.sleeps) else { continue }
      let effect = conclusion(verdict, reader, channel, world: world, tables: tables, origins: origins)
      judged.append(effect)
      if let cause = HeldAfterExec.cause(of: effect, world: world, origins: origins, tables: tables) {
        judged.append(cause)
      }
    }
  }

  /// The processes that waited for a second or more without getting bytes, to the last of what is known of them.
  private func readers(of channel: Channel, world: World) -> [Waiting] {
    var found: [Waiting] = []
    for use in channel.uses {
      // Who leaves alone what is there does not wait for the end.
      if !channel.hasUnseenReads, channel.incoming(at: use.inputSide).unread > 0 { continue }
      var waiting = Waiting(
        process: use.process, thread: use.lastWaiter, side: use.inputSide, since: use.lastBlock.since,
        until: use.lastBlock.until, cameLate: false, company: use.company, fd: nil)
      waiting.sleeps = use.lastBlock.until.less(use.lastBlock.since) >= World.longWait
      // Where all reads are seen, a wait may have been made of many.
      if use.waitsForInput, !channel.hasUnseenReads {
        waiting.since = waiting.until == 0 ? use.firstWait : min(waiting.since, use.firstWait)
        waiting.until = max(waiting.until, use.lastInputUse)
      }
      take(openWaitOf: use.process, on: channel, into: &waiting, world: world)
      finish(&waiting, use, channel, world: world)
      if waiting.until - min(waiting.until, waiting.since) >= World.longWait { found.append(waiting) }
    }
    for process in world.living where !channel.uses.contains(where: { $0.process == process }) {
      var waiting = Waiting(
        process: process, thread: .unknown, side: .read, since: 0, until: 0, cameLate: false, company: 0, fd: nil)
      take(openWaitOf: process, on: channel, into: &waiting, world: world)
      guard waiting.until.less(waiting.since) >= World.longWait else { continue }
      finish(&waiting, ChannelUse(process: process), channel, world: world)
      found.append(waiting)
    }
    return found
  }

  private func take(openWaitOf process: ProcessID, on channel: Channel, into waiting: inout Waiting, world: World) {
    for thread in world.threads(of: process) {
      guard let call = world.openCall(of: thread), world.now - min(world.now, call.since) >= World.longWait else {
        continue
      }
      let (inputs, company) = world.openInputs(of: thread)
      guard let input = inputs.first(where: { $0.channel == channel.slot }) else { continue }
      if waiting.until == 0 || channel.hasUnseenReads { waiting.since = call.since }
      waiting.until = world.now
      waiting.thread = thread
      waiting.side = input.side
      waiting.company = company
      waiting.sleeps = true
    }
  }

  private func finish(_ waiting: inout Waiting, _ use: ChannelUse, _ channel: Channel, world: World) {
    waiting.since = max(waiting.since, use.lastBytes)
    if use.sawEnd < .max {
      waiting.cameLate = true
      waiting.until = min(waiting.until, use.sawEnd)
    }
    waiting.fd =
      world.readingNumber(of: channel.slot, at: waiting.side, in: waiting.process)
      ?? channel.leavers.last { $0.process == waiting.process && $0.side != .write }?.fd
  }

  private func conclusion(
    _ verdict: WriterIntent.Verdict, _ reader: Waiting, _ channel: Channel, world: World, tables: TraceTables,
    origins: Origins
  ) -> Conclusion {
    let holder = verdict.holder
    let since = max(reader.since, verdict.since)
    let born = world.started(holder.process)
    let victim = world.party(
      reader.process, thread: reader.thread == .unknown ? nil : reader.thread,
      execed: world.hasExeced(reader.process), tables)
    let actor = world.party(holder.process, thread: nil, execed: world.hasExeced(holder.process), tables)
    let noun = ObjectWords.noun(channel.kind)
    let isOwn = holder.process == reader.process
    let gone = verdict.gone.map { leaver -> String in
      let pid = world.process(leaver.process)?.pid ?? 0
      let how = leaver.kind.words
      return
        "\(world.command(leaver.process, tables)) (pid \(pid)), who was to write it, \(how) at \(Duration.moment(leaver.time))"
    }
    let why: String
    if isOwn {
      why = "\(gone ?? "its writers are gone"), and the only writing end left is the reader's own (fd \(holder.fd))"
    } else if verdict.isDeadlock {
      why =
        "\(world.introduce(actor)) holds a writing end as fd \(holder.fd) and waits for \(victim.command) to end: neither can go on"
    } else {
      let others =
        verdict.others > 0
        ? " (and \(counted(UInt64(verdict.others), "other"))\(verdict.others == 1 ? " does" : " do") the same)" : ""
      why =
        "\(gone ?? "its writers are gone"), but \(world.introduce(actor)) still held a writing end as fd \(holder.fd)\(others), to which it has never been seen to write"
    }
    let fate =
      reader.cameLate
      ? "the end came only at \(Duration.moment(reader.until))" : "it had not come by \(Duration.moment(reader.until))"
    let finding = Finding(
      rule: .eofNeverComes, severity: verdict.isByDesign ? .note : .error,
      confidence: verdict.isByDesign ? .possible : verdict.isCertain ? .certain : .likely,
      message:
        "\(victim.command) (pid \(victim.pid), fd \(reader.fd.map(String.init) ?? "?")) waited \(Duration.text(reader.until - since)) for the end of a \(noun): \(why); \(fate)",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: channel.kind, id: channel.serial, creatorPid: world.process(of: channel.creator)?.pid,
        actorFD: holder.fd, victimFD: reader.fd),
      count: 1, first: max(since, min(born, reader.until)), last: reader.until,
      evidence: origins.prologue(channel, process: holder.process, world: world, tables: tables),
      fix: Fixes.eofNeverComes(
        isOwn: isOwn, isDeadlock: verdict.isDeadlock, execed: actor.execed, fd: holder.fd,
        isPython: Fixes.isPython(actor)))
    return Conclusion(finding: finding, channel: channel.serial)
  }
}

extension LineageStep.Kind {
  /// How an end was given up.
  fileprivate var words: String {
    switch self {
    case .closedByExit: "ended"
    case .closedByExec: "called exec"
    case .released, .acquired: "closed it"
    }
  }
}
