// shared-connection: a connected stream socket that was made before a fork is used by both processes, or ended by one of them. What they
// send is mixed, and each may read the other's answers; a goodbye or shutdown by one ends the connection of both.
//
// A use is a read or write after the fork, by a process that has not called exec. `error` where harm is seen: an answer that was read by
// a process while the other's request was the last that was sent, or a connection that ended under one after the other's act.
//
// Spared: one direction each (a client that forks to copy both ways), writes alone (a log), reads alone in turn; a server's children
// that talk with a client one after the other, each gone before the next begins (privilege separation); descriptors 0 to 2,
// datagrams and listening sockets; of socketpairs all but those whose very end maker and child use for requests and answers.

import Lineage
import Trace

struct SharedConnection {
  private static let evidenceKept = 6
  private static let mostAccounts = 4096

  /// By the open file's slot: the place of its account, and the open file's serial number.
  private var places: ContiguousArray<(serial: UInt32, place: Int)> = []
  private var accounts: [Account] = []
  /// By the channel's serial number.
  private var byChannel: [UInt32: Int] = [:]
  /// Some process has shut down a connection that another has as well.
  private(set) var hasShut = false

  private struct User {
    var process: ProcessID
    var thread: ThreadID
    var fd: FD
    var isForeign: Bool
    var reads: UInt64 = 0
    var writes: UInt64 = 0
    var first: Nanoseconds
    var last: Nanoseconds
    var lastWrite: Nanoseconds = 0
    var lastRead: Nanoseconds = 0
    /// The last long wait for input, once the channel is gone.
    var lastBlock: (since: Nanoseconds, until: Nanoseconds) = (0, 0)
    /// Its writes were not seen from the fork on: if it reads answers, it has asked.
    var isPartlySeen = false

    var asks: Bool { writes > 0 || isPartlySeen && reads > 0 }
  }

  /// How a process was harmed.
  private struct Harm {
    enum Kind { case mixed, ended, endedPerhaps, shut }
    var kind: Kind
    var actor: ProcessID
    var victim: ProcessID
    var time: Nanoseconds
  }

  private struct Account {
    var channel: Channel
    var file: OpenFile
    var users: [User] = []
    /// The process that wrote last.
    var lastWriter: ProcessID?
    var lastReader: ProcessID?
    /// Answers that were read after another process's request; reads by turns.
    var mixed: UInt64 = 0
    var turns: UInt64 = 0
    var harm: Harm?
    var shutBy: (process: ProcessID, how: Int32)?
    /// Whoever used it had given it up before the next began.
    var isSuccession = true
    /// It came by accept(2), or that would not have been seen (scope light).
    var isServers = false
    var evidence: [Evidence] = []
    var partlySeen: [ProcessID] = []

    func place(of process: ProcessID) -> Int? { users.firstIndex { $0.process == process } }
  }

  // MARK: Watching

  /// A transfer by a connection, or the end of a socketpair.
  mutating func used(
    _ event: Event, _ result: CallResult, _ transfer: Transfer, _ slot: Int32, by process: ProcessID, arena: Arena,
    world: World, tables: TraceTables
  ) {
    guard let place = account(slot, of: process, transfer.fd, event, world: world) else { return }
    let isRead = transfer.direction == .input
    let user = user(process, event.thread, transfer.fd, event.entered, in: place, world: world)
    accounts[place].users[user].last = event.exited
    if accounts[place].evidence.count < Self.evidenceKept || result.rawValue <= 0 && accounts[place].harm == nil {
      accounts[place].evidence.append(world.evidence(event, arena: arena, tables))
    }
    let isBroken =
      isRead ? result.rawValue == 0 && transfer.requested > 0 || result.errno == 104 : [32, 104].contains(result.errno)
    if isBroken {
      broke(process, event.exited, isRead: isRead, in: place, slot, world: world)
    } else if result.rawValue > 0, !transfer.peeks {
      let repeats = UInt64(event.repeats)
      if isRead {
        accounts[place].users[user].reads += repeats
        accounts[place].users[user].lastRead = event.exited
        if let writer = accounts[place].lastWriter, writer != process, accounts[place].place(of: writer) != nil {
          accounts[place].mixed += repeats
          if accounts[place].harm == nil {
            accounts[place].harm = Harm(kind: .mixed, actor: process, victim: writer, time: event.exited)
          }
        }
        if let reader = accounts[place].lastReader, reader != process { accounts[place].turns += 1 }
        accounts[place].lastReader = process
      } else {
        accounts[place].users[user].writes += repeats
        accounts[place].users[user].lastWrite = event.exited
        accounts[place].lastWriter = process
      }
    }
  }

  mutating func shut(
    _ event: Event, _ fd: FD, _ how: Int32, by process: ProcessID, arena: Arena, world: World, tables: TraceTables
  ) {
    let slot = world.descriptor(fd, of: event.thread).file
    guard slot >= 0, world.files[Int(slot)].isConnection || world.files[Int(slot)].kind == .socketpair,
      let place = account(slot, of: process, fd, event, world: world)
    else { return }
    let user = user(process, event.thread, fd, event.entered, in: place, world: world)
    accounts[place].users[user].last = event.exited
    accounts[place].shutBy = (process, how)
    hasShut = true
    accounts[place].evidence.append(world.evidence(event, arena: arena, tables))
  }

  /// A wait tells of the end that another process made by shutdown: whoever is told of a hangup need not read to know.
  mutating func waited(_ event: Event, by thread: ThreadState, arena: Arena, world: World, tables: TraceTables) {
    for ready in world.ready where ready.file >= 0 && !ready.isGhost && ready.returned.contains(.hangup) {
      guard Int(ready.file) < places.count, places[Int(ready.file)].serial == world.files[Int(ready.file)].serial else {
        continue
      }
      let place = places[Int(ready.file)].place
      guard let shutBy = accounts[place].shutBy, shutBy.process != thread.process, accounts[place].harm?.kind != .shut
      else { continue }
      // A server that only waits for the client's end has got what it waited for.
      if accounts[place].file.isAccepted, accounts[place].place(of: thread.process) == nil { continue }
      let user = user(thread.process, thread.id, ready.fd, event.entered, in: place, world: world)
      accounts[place].users[user].last = event.exited
      accounts[place].evidence.append(world.evidence(event, arena: arena, tables))
      broke(thread.process, event.exited, isRead: true, in: place, ready.file, world: world)
    }
  }

  /// The account of an open file that is shared, if there is one or this use begins it.
  private mutating func account(
    _ slot: Int32, of process: ProcessID, _ fd: FD, _ event: Event, world: World
  ) -> Int? {
    let serial = world.files[Int(slot)].serial
    if Int(slot) < places.count, places[Int(slot)].serial == serial { return places[Int(slot)].place }
    guard fd > 2, world.isForeign(world.files[Int(slot)].channel, to: process), accounts.count < Self.mostAccounts
    else {
      return nil
    }
    let file = world.files[Int(slot)]
    let channel = world.channels[Int(file.channel)]
    if channel.isDatagram { return nil }
    while places.count <= Int(slot) { places.append((0, 0)) }
    places[Int(slot)] = (file.serial, accounts.count)
    var account = Account(channel: channel, file: file)
    account.isServers = file.isAccepted || world.sight(of: process).scope == .light
    account.partlySeen = world.holders(of: file.channel).filter {
      $0.process != process && !world.sight(of: $0.process).sees([.reads, .writes], on: $0.fd)
    }.map(\.process)
    // What others did with it since this process was born.
    let born = world.started(process)
    for use in channel.uses where use.process != process && channel.kind == .socket {
      guard max(use.lastWrite, use.lastBytes) > born else { continue }
      var user = User(
        process: use.process, thread: use.lastWaiter, fd: fd, isForeign: world.isForeign(file.channel, to: use.process),
        first: born, last: max(use.lastWrite, use.lastBytes))
      if use.lastWrite > born { user.writes = 1 }
      if use.lastBytes > born { user.reads = 1 }
      user.lastWrite = use.lastWrite
      if use.lastWrite > use.lastBytes { account.lastWriter = use.process }
      account.users.append(user)
      account.isSuccession = false
    }
    byChannel[channel.serial] = accounts.count
    accounts.append(account)
    return accounts.count - 1
  }

  private mutating func user(
    _ process: ProcessID, _ thread: ThreadID, _ fd: FD, _ time: Nanoseconds, in place: Int, world: World
  ) -> Int {
    if let known = accounts[place].place(of: process) {
      if known < accounts[place].users.count - 1 { accounts[place].isSuccession = false }
      return known
    }
    let holders = world.holders(of: accounts[place].channel.slot)
    if accounts[place].users.contains(where: { user in holders.contains { $0.process == user.process } }) {
      accounts[place].isSuccession = false
    }
    accounts[place].users.append(
      User(
        process: process, thread: thread, fd: fd,
        isForeign: world.isForeign(accounts[place].channel.slot, to: process), first: time, last: time,
        isPartlySeen: accounts[place].partlySeen.contains(process)))
    return accounts[place].users.count - 1
  }

  /// The connection has ended under a process: because of another's act, if that was the last, or a shutdown.
  private mutating func broke(
    _ process: ProcessID, _ time: Nanoseconds, isRead: Bool, in place: Int, _ slot: Int32, world: World
  ) {
    let account = accounts[place]
    guard account.harm?.kind != .shut, account.harm?.kind != .ended else { return }
    if let shutBy = account.shutBy, shutBy.process != process {
      accounts[place].harm = Harm(kind: .shut, actor: shutBy.process, victim: process, time: time)
      return
    }
    // It had more to ask after the other's last word, and got no answer.
    guard let user = account.users.first(where: { $0.process == process }),
      let other = account.users.filter({ $0.process != process && $0.lastWrite > 0 && $0.lastWrite < time }).max(by: {
        $0.lastWrite < $1.lastWrite
      }), !isRead || user.lastWrite == 0 || user.lastWrite > other.lastWrite
    else { return }
    // A write that failed is a question where answers are read. Else it may have been meant for a log that is gone, unless the
    // other said one thing only, as in a goodbye, and left.
    let waits = world.channels[Int(account.channel.slot)].use(by: process).map { $0.waitsForInput || $0.reads > 0 }
    let hasAsked =
      other.reads > 0 || isRead && (user.writes > 0 || account.harm?.victim == process)
      || !isRead && (user.reads > 0 || waits ?? false)
    let isGoodbye =
      !isRead && account.harm == nil && other.writes == 1 && user.lastWrite < other.lastWrite
      && !world.numbers(ofFile: slot).contains { $0.process == other.process }
    guard hasAsked || isGoodbye else { return }
    accounts[place].harm = Harm(
      kind: hasAsked ? .ended : .endedPerhaps, actor: other.process, victim: process, time: time)
  }

  /// The connection's last descriptor is gone: who waited for input then is known from it.
  mutating func judge(_ channel: Channel) {
    guard !byChannel.isEmpty, let place = byChannel[channel.serial] else { return }
    for user in accounts[place].users.indices {
      if let use = channel.use(by: accounts[place].users[user].process) {
        accounts[place].users[user].lastBlock = use.lastBlock
      }
    }
  }

  // MARK: Judging

  /// A process has asked and waits in vain for the answer, while another that has asked as well has read since.
  private func robbed(_ account: Account, world: World) -> (thief: User, victim: User, since: Nanoseconds)? {
    guard !account.isServers else { return nil }
    for victim in account.users where victim.writes > 0 && victim.lastRead < victim.lastWrite {
      guard
        let thief = account.users.first(where: {
          $0.process != victim.process && $0.isForeign && $0.writes > 0 && $0.lastRead > victim.lastWrite
        }), let since = blockedSince(victim, account, world: world), since >= victim.lastWrite
      else { continue }
      return (thief, victim, since)
    }
    return nil
  }

  /// Since when the process has waited for input of the connection for a second or more, to its own end or the trace's.
  private func blockedSince(_ user: User, _ account: Account, world: World) -> Nanoseconds? {
    for thread in world.threads(of: user.process) {
      guard let call = world.openCall(of: thread), world.now - min(world.now, call.since) >= World.longWait,
        world.openInputs(of: thread).inputs.contains(where: { $0.channel == account.channel.slot })
      else { continue }
      return call.since
    }
    var block = user.lastBlock
    if let channel = world.channel(account.channel.slot), channel.serial == account.channel.serial,
      let use = channel.use(by: user.process)
    {
      block = use.lastBlock
    }
    return block.until.less(block.since) >= World.longWait && block.until >= user.last ? block.since : nil
  }

  func conclude(world: World, tables: TraceTables, origins: Origins) -> [Conclusion] {
    accounts.compactMap { account in
      judge(account, world: world).map {
        conclusion($0, account, world: world, tables: tables, origins: origins)
      }
    }
  }

  private struct Verdict {
    var actor: User
    var victim: User
    var severity: Severity
    var what: String
  }

  private func judge(_ account: Account, world: World) -> Verdict? {
    let users = account.users.filter { $0.reads + $0.writes > 0 || account.shutBy?.process == $0.process }
    let isPair = account.channel.kind == .socketpair
    // A server reads the client's next request after what another has answered: that mixes nothing.
    if account.isServers, account.isSuccession, account.harm.map({ $0.kind == .mixed }) ?? true { return nil }
    if let harm = account.harm,
      harm.kind != .mixed || account.users.filter({ $0.reads > 0 && $0.asks }).count > 1,
      let one = account.users.first(where: { $0.process == harm.actor }),
      let other = account.users.first(where: { $0.process == harm.victim }),
      harm.kind != .ended && harm.kind != .endedPerhaps || !isPair, !isPair || !one.isForeign || !other.isForeign
    {
      // Of two it is the child who should not have used it.
      let isMixed = harm.kind == .mixed
      let actor = isMixed && !one.isForeign ? other : one
      let victim = isMixed && !one.isForeign ? one : other
      if isMixed, !actor.isForeign { return nil }
      let what =
        switch harm.kind {
        case .mixed:
          "one has read \(counted(account.mixed, "time")) what came after the other's request, first at \(Duration.moment(harm.time))"
        case .ended, .endedPerhaps: "after that the connection ended under the other at \(Duration.moment(harm.time))"
        case .shut: "it shut the connection down, and the other met the end of it at \(Duration.moment(harm.time))"
        }
      return Verdict(
        actor: actor, victim: victim, severity: harm.kind == .endedPerhaps ? .note : .error, what: what)
    }
    if !isPair, let (thief, victim, since) = robbed(account, world: world) {
      return Verdict(
        actor: thief, victim: victim, severity: .error,
        what: "it has read since the other asked, which waits in vain for an answer since \(Duration.moment(since))")
    }
    guard !isPair, let actor = users.first(where: { $0.isForeign }) else { return nil }
    let others = users.filter { $0.process != actor.process }
    guard let victim = others.first(where: { !$0.isForeign }) ?? others.first else { return nil }
    let isRead = users.contains { $0.reads > 0 }
    let bothWrite = actor.asks && victim.asks
    let bothRead = actor.reads > 0 && victim.reads > 0
    if bothWrite && bothRead {
      return Verdict(
        actor: actor, victim: victim, severity: .warning, what: "so far each has read the answers to its own requests")
    }
    if bothRead, account.turns > 1 {
      return Verdict(
        actor: actor, victim: victim, severity: .warning, what: "each takes bytes that the other does not see")
    }
    if bothWrite, isRead {
      return Verdict(actor: actor, victim: victim, severity: .note, what: "only one of them reads the answers")
    }
    return nil
  }

  private func conclusion(
    _ verdict: Verdict, _ account: Account, world: World, tables: TraceTables, origins: Origins
  ) -> Conclusion {
    let actor = world.party(verdict.actor.process, thread: verdict.actor.thread, execed: false, tables)
    let victim = world.party(
      verdict.victim.process, thread: verdict.victim.thread == .unknown ? nil : verdict.victim.thread,
      execed: (world.process(verdict.victim.process)?.lastExec ?? 0) > world.started(verdict.actor.process), tables)
    let name = tables.text(account.file.name)
    let isConnected = name.contains("] to ") || name.contains("] from ")
    let peer = isConnected ? name.split(separator: " ").last.map(String.init) ?? "" : name
    let where_ = peer.isEmpty || peer.hasPrefix("socket:[") || peer == "unix:" ? "" : " to \(EventText.harmless(peer))"
    func deeds(_ user: User) -> String {
      user.reads + user.writes == 0
        ? "in vain"
        : "\(counted(user.writes, "write")) and \(counted(user.reads, "read"))"
    }
    let isIdle = verdict.victim.reads + verdict.victim.writes == 0
    let other =
      isIdle
      ? "\(victim.command) (pid \(victim.pid), fd \(verdict.victim.fd)) waited on it"
      : "so did \(victim.command) (pid \(victim.pid), fd \(verdict.victim.fd); \(deeds(verdict.victim)))"
    let noun = account.channel.kind == .socketpair ? "end of a socketpair" : "connection\(where_)"
    let finding = Finding(
      rule: .sharedConnection, severity: verdict.severity,
      confidence: verdict.severity == .error ? .certain : .likely,
      message:
        "\(world.introduce(actor)) used fd \(verdict.actor.fd), a \(noun) that was made before the fork (\(deeds(verdict.actor)), first at \(Duration.moment(verdict.actor.first))), and \(other); \(verdict.what)",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: account.channel.kind, id: account.channel.serial,
        creatorPid: account.channel.predates ? nil : world.process(of: account.channel.creator)?.pid,
        actorFD: verdict.actor.fd, victimFD: verdict.victim.fd),
      count: verdict.actor.reads + verdict.actor.writes + verdict.victim.reads + verdict.victim.writes,
      first: verdict.actor.first, last: account.users.map(\.last).max() ?? verdict.actor.last,
      evidence: origins.prologue(account.channel, process: verdict.actor.process, world: world, tables: tables)
        + account.evidence,
      fix: Fixes.sharedConnection(actor: actor))
    return Conclusion(finding: finding, channel: account.channel.serial, file: account.file.serial)
  }
}

extension World {
  /// The open file of a connection, or of a stream socketpair's end, that the last transfer was by.
  var connectionSlot: Int32? {
    let slot = effect.file
    guard slot >= 0 else { return nil }
    switch files[Int(slot)].kind {
    case .socket: return files[Int(slot)].isConnection ? slot : nil
    case .socketpair: return slot
    default: return nil
    }
  }
}
