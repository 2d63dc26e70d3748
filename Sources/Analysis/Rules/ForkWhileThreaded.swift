// fork-while-threaded: a process with several threads forks, and the child, which has only the forking one and has not called exec,
// waits for ever on a private futex: a lock that another thread held at the fork, or a condition that a thread was to signal that the
// child does not have.
//
// Stated of waits of a second or more that last to the process's end or the trace's, and of 0.3 s where nobody could end them. Certain
// where the lock names a holder that the child's process does not have, or a lone thread waits on a word that was locked at the fork;
// likely where a lone thread waits on a semaphore that its parent has at the same place, or no signal handler could wake it.
//
// Spared: waits that end, or have a timeout; shared futexes; children with threads of their own that may wake them; children that wait
// for a signal's handler.

import Lineage
import Trace

struct ForkWhileThreaded {
  private static let shortest: Nanoseconds = 300_000_000
  private static let shortestUnproven: Nanoseconds = 1_000_000_000

  private struct Waiting {
    var thread: ThreadID
    var process: ProcessID
    var since: Nanoseconds
    var address: UInt64
    /// The holder's tid; 0 for a lock that was locked at the fork by whomever.
    var holder: Int32?
    /// A handler of a signal may wake it.
    var hasHandlers: Bool
    /// The word is a locked lock's, which no handler can release.
    var isLock: Bool
    var evidence: Evidence
  }

  private struct Hang {
    var waiting: Waiting
    var until: Nanoseconds
    var isAlone: Bool
    var isAlive: Bool
  }

  private var waiting: [ThreadID: Waiting] = [:]
  private var hangs: [Hang] = []

  /// A futex call begins or returns.
  mutating func called(
    _ event: Event, _ result: CallResult, by process: ProcessID, arena: Arena, world: World, tables: TraceTables
  ) {
    guard world.isHeir(process) else { return }
    if event.phase != .begin {
      if waiting[event.thread] != nil { waiting[event.thread] = nil }
      return
    }
    guard case .call(_, _, .futex(let address, let operation, let value)) = event.body, operation & 128 != 0,
      [0, 6, 9, 13].contains(operation & 0x7F)
    else { return }
    waiting[event.thread] = Waiting(
      thread: event.thread, process: process, since: event.entered, address: address,
      hasHandlers: hasHandlers(process, world: world), isLock: value == 2,
      evidence: world.evidence(event, arena: arena, tables))
  }

  mutating func locked(_ thread: ThreadID, by tid: Int32) {
    if waiting[thread] != nil { waiting[thread]!.holder = tid }
  }

  /// A thread has ended in its wait.
  mutating func left(_ thread: ThreadID, at time: Nanoseconds, world: World, tables: TraceTables) {
    guard let wait = waiting.removeValue(forKey: thread), time - min(time, wait.since) >= Self.shortest else { return }
    hangs.append(Hang(waiting: wait, until: time, isAlone: isAlone(wait, at: time, world: world), isAlive: false))
  }

  func conclude(world: World, tables: TraceTables, origins: Origins) -> [Conclusion] {
    var all = hangs
    for wait in waiting.values.sorted(by: { $0.since < $1.since })
    where world.now - min(world.now, wait.since) >= Self.shortest && world.thread(wait.thread)?.isAlive == true {
      all.append(
        Hang(waiting: wait, until: world.now, isAlone: isAlone(wait, at: world.now, world: world), isAlive: true))
    }
    return all.compactMap { hang in
      finding(hang, world: world, tables: tables, origins: origins).map {
        Conclusion(finding: $0, futex: hang.waiting.address)
      }
    }
  }

  /// Whether no other thread of its process lived while it waited.
  private func isAlone(_ wait: Waiting, at time: Nanoseconds, world: World) -> Bool {
    !world.threads.contains { thread in
      guard thread.process == wait.process, thread.id != wait.thread else { return false }
      return thread.ended.map { $0 > wait.since } ?? true
    }
  }

  /// The fork, of this process or one that it descends from without an exec, in which threads were left behind: the process that
  /// forked, the thread, and how many others it had.
  private func fork(of process: ProcessID, world: World) -> (parent: ProcessID, thread: ThreadID, others: Int)? {
    var child = process
    while world.isHeir(child), let parent = world.parent(of: child), let state = world.process(child) {
      let born = state.started
      let others = world.threads.lazy.filter {
        $0.process == parent && $0.id != state.forkedBy && $0.started < born && $0.ended.map { $0 >= born } ?? true
      }.count
      if others > 0 { return (parent, state.forkedBy, others) }
      child = parent
    }
    return nil
  }

  private func finding(_ hang: Hang, world: World, tables: TraceTables, origins: Origins) -> Finding? {
    let wait = hang.waiting
    guard let fork = fork(of: wait.process, world: world) else { return nil }
    let isOwn = wait.holder.map { tid in
      tid > 0
        && world.threads.contains { thread in
          guard thread.process == wait.process, thread.tid == tid else { return false }
          return thread.ended.map { $0 > wait.since } ?? true
        }
    }
    let isProven = wait.holder.map { $0 > 0 ? isOwn == false : hang.isAlone } ?? false
    // Another thread of the child may wake it, or a handler.
    guard isProven || hang.isAlone && isOwn != true && hang.until.less(wait.since) >= Self.shortestUnproven else {
      return nil
    }
    let mayBeWoken = wait.hasHandlers && !(isProven && (wait.isLock || wait.holder ?? 0 > 0))
    let victim = world.party(wait.process, thread: wait.thread, execed: false, tables)
    let actor = world.party(
      fork.parent, thread: fork.thread,
      execed: (world.process(fork.parent)?.lastExec ?? 0) > world.started(wait.process),
      tables)
    let threads = counted(UInt64(fork.others), "other thread")
    let what: String
    if let holder = wait.holder, holder > 0 {
      let isForker = world.thread(fork.thread)?.tid == holder
      let name = world.threads.filter { $0.tid == holder }.last.map { tables.text($0.name) } ?? ""
      let title = name.isEmpty || name == actor.command ? "" : " \"\(EventText.harmless(name))\""
      what =
        "for a lock that thread \(holder)\(title) of pid \(actor.pid) held at the fork\(isForker ? " when it forked" : ""): that thread does not exist in the child, so nobody can unlock it"
    } else if wait.holder != nil {
      what = "for what it inherited at the fork, and has no other thread that could release or signal that"
    } else {
      what = "and has no other thread that could wake it"
    }
    let end = hang.isAlive ? "at the end of the trace" : "when it was ended"
    return Finding(
      rule: .forkWhileThreaded, severity: mayBeWoken ? .note : .error,
      confidence: mayBeWoken ? .possible : isProven && (wait.isLock || wait.holder ?? 0 > 0) ? .certain : .likely,
      message:
        "\(world.introduce(victim)) still waited \(end), for \(Duration.text(hang.until.less(wait.since))) in futex() at 0x\(String(wait.address, radix: 16)), \(what); pid \(actor.pid) had \(threads) when it forked",
      actor: actor, victim: victim,
      object: FindingObject(
        kind: .other, id: 0, creatorPid: actor.pid, actorFD: nil, victimFD: nil, ownerHint: nil, isFutex: true),
      count: 1, first: wait.since, last: hang.until,
      evidence: origins.fork(of: wait.process, world: world, tables: tables) + [wait.evidence],
      fix: Fixes.forkWhileThreaded(actor: actor))
  }

  /// What programs handle for other reasons than to be told something: SIGINT (interpreters), faults, SIGPIPE, and glibc's own 32 and 33
  /// (nptl, SIGCANCEL and SIGSETXID).
  private static let usual: Set<Int32> = [2, 4, 5, 6, 7, 8, 11, 13, 31, 32, 33]

  /// Whether the process handles a signal whose handler may wake it: sem_post is allowed there, and interpreters run handlers of the
  /// program's own.
  private func hasHandlers(_ process: ProcessID, world: World) -> Bool {
    (Int32(1)...64).contains { signal in
      !Self.usual.contains(signal) && world.handler(of: signal, in: process)?.disposition.action == .handler
    }
  }
}
