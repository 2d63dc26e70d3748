// The sentence for a clobbered number: who took it away from whom, what it means now, and what came of it.

import Lineage
import Trace

extension FDClobbered {
  func finding(_ account: Account, _ severity: Severity, world: World, tables: TraceTables) -> Conclusion {
    let actor = world.party(account.process, thread: account.by, execed: false, tables)
    let victim = world.party(account.process, thread: account.waiter, execed: false, tables)
    let act = account.isReplaced ? "dup'ed another open file over" : "closed"
    let who = actor.tid == victim.tid ? "" : ", thread \(actor.tid)"
    let state =
      account.isEpoll
      ? "while it was in an epoll set, from which that removes it"
      : account.isDuring
        ? "while thread \(victim.tid) was waiting for it" : "which \(waiter(actor, victim)) polls"
    let meaning = account.now.map { "which now is another open file (\(ObjectWords.noun($0)))" } ?? "which is closed"
    var outcome = ""
    if account.isEpoll {
      outcome = "; epoll_ctl(EPOLL_CTL_MOD, \(account.fd)) then failed with \(errnoName(account.refused))"
    } else if account.named > 0 {
      outcome = "; \(counted(account.named, "later wait")) named the number, \(meaning)"
      if account.uses > 0 { outcome += ", and it was read or written \(counted(account.uses, "time"))" }
      if account.uses == 0, account.returns > 0 {
        outcome += ", and returned it ready \(counted(account.returns, "time"))"
      }
      if account.lost > 0 {
        outcome += "; what the process wrote to the old \(ObjectWords.noun(account.kind)) reached nobody"
      }
    } else {
      outcome = "; that wait never returned"
    }
    let finding = Finding(
      rule: .fdClobbered, severity: severity,
      confidence: account.isOwn ? .possible : severity == .error ? .certain : .likely,
      message:
        "\(actor.command) (pid \(actor.pid)\(who)) \(act) fd \(account.fd) (\(ObjectWords.noun(account.kind))) at \(Duration.moment(account.at)) \(state)\(outcome)",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: account.kind, id: account.channel, creatorPid: world.process(of: account.creator)?.pid,
        actorFD: account.fd, victimFD: account.fd),
      count: max(1, account.named), first: account.at, last: account.last, evidence: [account.act] + account.evidence,
      fix: Fixes.clobbered(fd: account.fd, isReplaced: account.isReplaced))
    return Conclusion(
      finding: finding, channel: account.nowChannel, file: account.nowFile, touched: [account.channel])
  }

  private func waiter(_ actor: Party, _ victim: Party) -> String {
    actor.tid == victim.tid ? "the same thread" : "thread \(victim.tid)"
  }
}

extension Fixes {
  static func clobbered(fd: FD, isReplaced: Bool) -> String {
    let cause =
      isReplaced
      ? "Find who thinks that \(fd) is its own number: fixed numbers for dup2 must be reserved before anything else opens descriptors."
      : "Let the thread that polls close its descriptors: another one should ask it to (by its wakeup object) and wait until the number is out of the set."
    return cause + " A number that is closed while a wait set names it means whatever is opened next."
  }
}
