// The sentence for a shared epoll instance: who did what to whose, and what came of it.

import Lineage
import Trace

extension SharedEpoll {
  func finding(
    _ account: Account, _ epoll: Channel, _ world: World, _ tables: TraceTables, _ origins: Origins,
    _ thefts: [Conclusion]
  ) -> Conclusion? {
    guard let owner = account.owner else { return nil }
    let actor = world.party(account.actor, thread: account.thread, execed: false, tables)
    let born = world.process(account.actor)?.started ?? 0
    let victim = world.party(
      owner, thread: account.ownerThread == .unknown ? nil : account.ownerThread,
      execed: (world.process(owner)?.lastExec ?? 0) > born, tables)
    let harm = account.harm ?? Self.robbery(account, owner, thefts)
    var evidence = origins.prologue(epoll, process: account.actor, world: world, tables: tables) + account.evidence
    if let seen = account.harmEvidence { evidence.append(seen) }
    let finding = Finding(
      rule: .sharedEpoll, severity: harm == nil ? .note : .error, confidence: .certain,
      message:
        "\(world.introduce(actor)) \(Self.acts(account)) the epoll instance (fd \(account.fd)) that it inherited and that \(victim.command) (pid \(victim.pid), fd \(account.ownerFD) there) goes on waiting on, first at \(Duration.moment(account.first))\(harm.map { Self.words($0, victim) } ?? "")",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: .epoll, id: epoll.serial, creatorPid: epoll.predates ? nil : world.process(of: epoll.creator)?.pid,
        actorFD: account.fd, victimFD: account.ownerFD >= 0 ? account.ownerFD : nil),
      count: account.removals + account.changes + account.waits, first: account.first, last: account.last,
      evidence: evidence, fix: Fixes.sharedEpoll(actor: actor))
    return Conclusion(finding: finding, channel: epoll.serial, touched: account.touched)
  }

  /// The child was told of something in the parent's place, and took it.
  private static func robbery(_ account: Account, _ owner: ProcessID, _ thefts: [Conclusion]) -> Harm? {
    thefts.first { theft in
      theft.finding.rule == .foreignRead && theft.finding.actor?.process == account.actor
        && theft.finding.victim?.process == owner && account.touched.contains(theft.channel)
    }?.finding.object.map { .robbed(kind: $0.kind) }
  }

  private static func acts(_ account: Account) -> String {
    var acts: [String] = []
    if account.removals > 0 {
      acts.append("removed \(counted(account.removals, "entry").replacing("entrys", with: "entries")) of")
    }
    if account.changes > 0 {
      acts.append("made or changed \(counted(account.changes, "entry").replacing("entrys", with: "entries")) of")
    }
    if account.waits > 0 { acts.append("waited \(counted(account.waits, "time")) on") }
    return acts.joined(separator: " and ")
  }

  private static func words(_ harm: Harm, _ victim: Party) -> String {
    switch harm {
    case .deaf(let loss, let since):
      let act =
        switch loss.how {
        case .removed: "it removed"
        case .changed: "it changed the entry of"
        case .taken: "it was told, in the parent's place, of"
        }
      let what =
        loss.kind == .eventfd || loss.bytes == 0 || loss.kind == .socket && loss.bytes == 1
        ? "something" : counted(loss.bytes, "byte")
      let has = loss.kind == .eventfd || loss.bytes <= 1 ? "has" : "have"
      return
        "; \(act) fd \(loss.fd) (\(ObjectWords.noun(loss.kind))) at \(Duration.moment(loss.at)), and pid \(victim.pid) is not told that \(what) \(has) waited there since \(Duration.moment(since))"
    case .stranger(let fd, let kind):
      return
        "; pid \(victim.pid) was then told of the child's fd \(fd) (\(ObjectWords.noun(kind))), which it does not have"
    case .refused(let op, let fd, let errno):
      return
        "; pid \(victim.pid)'s epoll_ctl(\(op == 1 ? "EPOLL_CTL_ADD" : "EPOLL_CTL_MOD"), \(fd)) then failed with \(errnoName(errno))"
    case .robbed(let kind):
      return "; it then read from the \(ObjectWords.noun(kind)) of which pid \(victim.pid) was to be told"
    }
  }
}
