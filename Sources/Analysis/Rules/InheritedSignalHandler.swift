// inherited-signal-handler: a signal to a forked, not exec'd child runs the handler that its parent had installed. The
// handler writes the parent's wakeup pipe, so that the parent acts on a signal that it never got; or it only sets what
// nobody in the child looks at, and the child lives on until it is killed.
//
// Spared: a graceful stop (the child ends by itself after the signal), handlers that the child installed anew, and
// writes to objects that no other process waits on.

import Lineage
import Trace

struct InheritedSignalHandler {
  /// The signal that asks a process to end. (SIGINT and SIGHUP go to whole groups, and many programs mean to outlive them.)
  private static let terminators: Set<Int32> = [15]
  /// A process that is to stop gracefully may take this long, ns.
  private static let grace: Nanoseconds = 1_000_000_000

  private var candidates = ChannelAccounts<ForeignWrites>()
  /// Whose writes in a handler were taken by others, by the channel's serial; while the channel is there.
  private var consumed: Set<Key> = []
  private var survivals: [ProcessID: Survival] = [:]
  /// Who has written in an inherited handler, and the signals that they have set handlers of their own for since.
  private var writers: [ProcessID: Set<Int32>] = [:]
  private var judged: [Conclusion] = []
  /// Survivals that were proven by a SIGKILL.
  private var survived: [ProcessID: Survival] = [:]

  private struct Key: Hashable {
    var channel: UInt32
    var actor: ProcessID
  }

  private struct Survival {
    var signal: Int32
    var thread: ThreadID
    var time: Nanoseconds
    var event: UInt64
    var count: UInt64 = 1
    var installer: ProcessID
    /// The handler has returned to what it had interrupted.
    var returned = false
    /// And the process went on to another call.
    var wentOn = false
    var killed: Nanoseconds = 0
    var evidence: [Evidence]
  }

  /// Whether what processes go on to do matters to it.
  var watchesCalls: Bool { !survivals.isEmpty }

  /// A process goes on, or has returned from a handler.
  mutating func called(_ event: Event, _ syscall: Syscall, by process: ProcessID, world: World) {
    guard let survival = survivals[process], !survival.wentOn, !world.isInHandler(event.thread),
      event.entered > survival.time
    else { return }
    if syscall == .rtSigreturn {
      survivals[process]!.returned = true
    } else if syscall != .exitGroup, syscall != .exit {
      survivals[process]!.wentOn = true
    }
  }

  /// A process has read from a channel: perhaps what another's handler wrote.
  mutating func read(by process: ProcessID, world: World) {
    for segment in world.taken where segment.signal != 0 && segment.process != process {
      let serial = world.channels[Int(world.effect.channel)].serial
      consumed.insert(Key(channel: serial, actor: segment.process))
    }
  }

  mutating func delivered(
    _ delivery: SignalDelivery, _ event: Event, arena: Arena, world: World, tables: TraceTables
  ) {
    guard let thread = world.thread(event.thread), let frame = world.frames(of: event.thread).last, frame.inherited,
      frame.signal == delivery.number, Self.terminators.contains(delivery.number),
      world.process(thread.process)?.hasExeced == false
    else { return }
    if survivals[thread.process] != nil {
      survivals[thread.process]!.count += 1
      return
    }
    survivals[thread.process] = Survival(
      signal: delivery.number, thread: event.thread, time: event.time, event: event.sequence,
      installer: frame.installer,
      evidence: [world.evidence(event, arena: arena, tables)])
  }

  mutating func ended(_ status: Int32, _ event: Event, arena: Arena, world: World, tables: TraceTables) {
    guard let process = world.thread(event.thread)?.process, world.process(process)?.isAlive == false,
      var survival = survivals.removeValue(forKey: process)
    else { return }
    // SIGKILL ended what the signal had not: without the inherited handler it would have died by that.
    guard status & 0x7F == 9, survival.returned || survival.wentOn else { return }
    survival.killed = event.time
    survival.evidence.append(world.evidence(event, arena: arena, tables))
    survived[process] = survival
  }

  /// A process has written to a channel: perhaps in an inherited handler.
  mutating func wrote(
    _ event: Event, _ result: CallResult, by process: ProcessID, arena: Arena, world: World, tables: TraceTables
  ) {
    guard let frame = world.actingHandler(of: event.thread), frame.inherited else { return }
    let slot = world.effect.channel
    if !candidates.has(slot, process), var writes = world.foreignWrites(by: event) {
      writes.signal = frame.signal
      writes.isInHandler = world.isInHandler(event.thread)
      if case .call(_, _, .transfer(let transfer)) = event.body {
        let payload = arena.bytes(transfer.payload)
        writes.saysSignal = payload.isEmpty || payload.contains(UInt8(truncatingIfNeeded: frame.signal))
      }
      candidates.open(slot, process, writes)
      writers[process, default: []].remove(frame.signal)
    }
    candidates.change(slot, process) { $0.add(event, result, world.evidence(event, arena: arena, tables)) }
  }

  /// A process has set a handler.
  mutating func set(_ signal: Int32, by process: ProcessID) { writers[process]?.insert(signal) }

  mutating func judge(_ channel: Channel, world: World, tables: TraceTables, origins: Origins) {
    defer { if !consumed.isEmpty { consumed = consumed.filter { $0.channel != channel.serial } } }
    for entry in candidates.close(channel.slot) {
      let writes = entry.account
      let key = Key(channel: channel.serial, actor: entry.process)
      guard let owner = world.owner(of: channel, harmedBy: writes), let actor = world.process(writes.actor) else {
        continue
      }
      let party = world.party(writes.actor, thread: writes.thread, execed: false, tables)
      let victim = world.victim(owner, since: actor.started, tables)
      let wasRead = consumed.contains(key)
      // A counter does not say which signal it was; what flag goes with it is private memory.
      let isCounter = channel.kind == .eventfd
      let signal = signalName(writes.signal)
      // It was about to set its own handlers, and the byte says nothing: the loop looks, and finds that nothing came. (One alone
      // may be what a handler sets for the second signal.)
      let own = writers[writes.actor] ?? []
      let isPassing = !writes.saysSignal && own.contains(writes.signal) && own.count > 1
      let severity: Severity = isPassing ? .note : wasRead && !isCounter ? .error : .warning
      let effect =
        wasRead
        ? isCounter
          ? "whose loop woke by it"
          : writes.saysSignal
            ? "which read \(writes.count == 1 ? "it" : "them") as if \(signal) had come to itself"
            : "whose loop woke and read \(writes.count == 1 ? "it" : "them")"
        : "which has not read \(writes.count == 1 ? "it" : "them")"
      judged.append(
        Conclusion(
          finding: writes.finding(
            .inheritedSignalHandler, severity, writes.isInHandler ? .certain : .likely, on: channel, of: owner,
            actor: party, victim: victim,
            message:
              "\(signal) to \(world.introduce(party)) ran the handler that it had inherited, and that wrote \(ObjectWords.amount(writes)) by \(writes.call.name)() to fd \(writes.fd), the wakeup \(ObjectWords.noun(channel.kind)) of \(victim.command) (pid \(victim.pid), fd \(owner.fd.map(String.init) ?? "?") there), \(effect)\(isPassing ? "; it has set handlers of its own since" : "")",
            fix: Fixes.inheritedHandler(actor: party, signal: signal), world: world, tables: tables,
            origins: origins),
          channel: channel.serial))
    }
  }

  mutating func conclude(world: World, tables: TraceTables, origins: Origins) -> [Conclusion] {
    for channel in world.channels where channel.serial > 0 {
      judge(channel, world: world, tables: tables, origins: origins)
    }
    // Whoever has outlived the signal for a while when the trace ends has survived it as well.
    for (process, survival) in survivals where survival.returned || survival.wentOn {
      guard world.process(process)?.isAlive == true, world.now - min(world.now, survival.time) >= Self.grace else {
        continue
      }
      survived[process] = survival
    }
    for (process, survival) in survived.sorted(by: { $0.key < $1.key }) {
      let sentence =
        survival.killed > 0
        ? "it lived on after \(signalName(survival.signal)) until SIGKILL ended it at \(Duration.moment(survival.killed))"
        : "it was still alive \(Duration.text(world.now - survival.time)) after \(signalName(survival.signal)), at the end of the trace"
      if let place = judged.firstIndex(where: { $0.finding.actor?.process == process }) {
        judged[place].finding.severity = .error
        judged[place].finding.message += "; \(sentence)"
        judged[place].finding.evidence = (judged[place].finding.evidence + survival.evidence).sorted {
          $0.event < $1.event
        }
        judged[place].finding.last = max(judged[place].finding.last, survival.killed)
        continue
      }
      judged.append(
        Conclusion(
          finding: survivalFinding(process, survival, sentence, world: world, tables: tables, origins: origins)))
    }
    return judged
  }

  private func survivalFinding(
    _ process: ProcessID, _ survival: Survival, _ sentence: String, world: World, tables: TraceTables, origins: Origins
  ) -> Finding {
    let party = world.party(process, thread: survival.thread, execed: false, tables)
    let installer = world.process(survival.installer)
    let victim = installer.map {
      world.party($0.id, thread: nil, execed: ($0.lastExec ?? 0) > (world.process(process)?.started ?? 0), tables)
    }
    let signal = signalName(survival.signal)
    return Finding(
      rule: .inheritedSignalHandler, severity: .error, confidence: survival.wentOn ? .likely : .possible,
      message:
        "\(signal) to \(world.introduce(party)) ran the handler that \(victim.map { "pid \($0.pid)" } ?? "its parent") had installed before the fork, not the default action: \(sentence)",
      actor: party, victim: victim, object: nil, count: survival.count, first: survival.time,
      last: max(survival.time, survival.killed),
      evidence: survival.evidence, fix: Fixes.inheritedHandler(actor: party, signal: signal))
  }
}
