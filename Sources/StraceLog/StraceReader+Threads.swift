// Who is who: births, exec, signals and ends; and what a log cannot tell.

import Lineage
import Trace

extension StraceReader {
  // MARK: Births

  /// The first line of a thread. It is a child of who will be told to have made it, of the only one that is inside of a fork, or it was
  /// there before.
  func appear(_ tid: Int32) -> Int {
    let used = births[tid, default: 0]
    let makers = survey.parents[tid] ?? []
    if used < makers.count {
      births[tid] = used + 1
      if let parent = numbers[makers[used]], let open = threads[parent].call, let flags = spawnFlags(open) {
        return start(tid, parent: parent, flags: flags)
      }
    }
    if makers.isEmpty {
      // A fork that the log does not see return.
      forking.removeAll { place in
        guard case .spawn? = threads[place].call?.named.shape else { return true }
        return threads[place].call?.child != nil
      }
      if forking.count == 1, let open = threads[forking[0]].call, let flags = spawnFlags(open) {
        return start(tid, parent: forking[0], flags: flags)
      }
    }
    if survey.beginsWithExec, threads.isEmpty {
      let place = add(tid, process: nil)
      tell(threads[place].id, .start(Start(parent: .unknown, flags: 0)))
      return place
    }
    return found(tid)
  }

  private func start(_ tid: Int32, parent: Int, flags: UInt64) -> Int {
    let place = make(tid, parent: parent, flags: flags)
    let child = threads[place].id
    threads[parent].call?.child = child
    return place
  }

  /// The flags of the fork that a thread is inside of.
  private func spawnFlags(_ open: OpenLogCall) -> UInt64? {
    guard case .spawn? = open.named.shape else { return nil }
    if open.named.syscall == .vfork { return 0x4100 }
    return open.text.withUnsafeBufferPointer { bytes -> UInt64 in
      guard let base = bytes.baseAddress else { return 0 }
      var scanner = Scanner(base, 0..<bytes.count)
      guard let found = scanner.find("flags=") else { return 0 }
      scanner.at = found + 6
      return reader.arguments.flags(&scanner)
    }
  }

  /// A fork or clone has returned `tid`. `unknown` for a child whose lines are not in the log.
  func born(_ tid: Int32, of parent: Int, flags: UInt64) -> ThreadID {
    births[tid, default: 0] += 1
    if let last = survey.lastLine[tid], last >= lineNumber || isMerged {
      let place = make(tid, parent: parent, flags: flags)
      activate(tid)
      return threads[place].id
    }
    let what = flags & 0x10000 != 0 ? "threads" : "children"
    sayOnce(
      .log, "the \(what) of pid \(threads[parent].record.pid) are not in the log (strace -f follows them)", parent)
    return .unknown
  }

  private func make(_ tid: Int32, parent: Int, flags: UInt64) -> Int {
    let isThread = flags & 0x10000 != 0
    let place = add(tid, process: isThread ? threads[parent].record : nil)
    tell(threads[place].id, .start(Start(parent: threads[parent].id, flags: flags)))
    return place
  }

  private func add(_ tid: Int32, process: ThreadRecord?) -> Int {
    let generation = generations[tid, default: 0]
    generations[tid] = generation + 1
    let id = ThreadID(threads.count)
    let record: ThreadRecord
    if let process {
      record = ThreadRecord(tid: tid, generation: generation, process: process.process, pid: process.pid)
    } else {
      record = ThreadRecord(tid: tid, generation: generation, process: ProcessID(processes), pid: tid)
      processes += 1
    }
    try? tables.define(id, record)
    threads.append(LogThread(id: id, tid: tid, record: record))
    numbers[tid] = threads.count - 1
    return threads.count - 1
  }

  /// A thread that was there before the log. Whose it is no line tells: those of one attachment are taken for one process.
  private func found(_ tid: Int32) -> Int {
    let isLeader = survey.attached[tid] != nil && survey.attached.count > 1 || survey.leaders.contains(tid)
    if let place = family, threads[place].hasEnded { family = nil }
    if family == nil { family = threads.firstIndex { !$0.hasEnded && world.process(of: $0.id)?.predates == true } }
    let family = isLeader ? nil : family.map { threads[$0] }
    let place: Int
    if let family, survey.namesThreads {
      place = add(tid, process: family.record)
      sayOnce(.log, "which threads make a process is not told: those that were there before are taken for one", place)
    } else {
      place = add(tid, process: survey.leaders.contains(tid) ? nil : leader(tid))
    }
    release(until: now)
    tell(
      threads[place].id,
      .existingThread(
        ExistingThread(parent: .unknown, files: .unknown, execed: true, path: .empty, arguments: .empty)))
    return place
  }

  /// The process of a first thread that is not its leader: the one that was attached to, or the lowest tid that nobody made.
  private func leader(_ tid: Int32) -> ThreadRecord? {
    guard let pid = survey.attached.count == 1 ? survey.attached.keys.first : survey.firstUnborn, pid != tid, pid > 0
    else {
      return nil
    }
    processes += 1
    return ThreadRecord(tid: pid, generation: 0, process: ProcessID(processes - 1), pid: pid)
  }

  // MARK: Exec

  /// An exec that began on another line has succeeded.
  func execed(_ exec: Exec, _ open: OpenLogCall, _ place: Int, at time: Nanoseconds) {
    var exec = exec
    let record = threads[place].record
    var target = place
    if record.tid != record.pid, let leader = numbers[record.pid] {
      // It has the leader's number now.
      exec.caller = threads[place].id
      target = leader
    }
    let isOther = target != place
    tell(
      event(open.named, .exec(exec), target, isOther ? .whole : .end, 0, entered: open.entered, exited: time))
    if isOther {
      tell(threads[place].id, .end(status: 0))
      forget(place)
    }
    nameAfterExec(target)
  }

  /// The kernel names a thread after its program (Linux 6.1, fs/exec.c, begin_new_exec).
  func nameAfterExec(_ place: Int) {
    release(until: now)
    guard let process = world.process(of: threads[place].id) else { return }
    let path = tables.bytes(process.path)
    let name = path.lastIndex(of: 0x2F).map { path[($0 + 1)...] } ?? path[...]
    for id in world.threads(of: threads[place].record.process) {
      let other = id.position
      if other != place, other < threads.count, !threads[other].hasEnded { forget(other) }
    }
    if !name.isEmpty { tell(threads[place].id, .name(intern(Array(name.prefix(15))))) }
  }

  // MARK: Signals

  /// `--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=12, si_uid=0} ---`, of old `--- SIGCHLD (Child exited) @ 0 (0) ---`.
  func signalled(_ body: Scanner, tid: Int32) {
    var scanner = body
    scanner.at += 4
    let place = thread(tid)
    // "--- stopped by SIGSTOP ---" and its like are no deliveries.
    guard let number = Constants.signal(scanner) else {
      if scanner.skip("stopped by "), let signal = Constants.signal(scanner) { threads[place].stoppedBy = signal }
      return pass()
    }
    threads[place].stoppedBy = nil
    let code = code(of: body)
    var sender: Int32 = 0
    if code <= 0, let found = body.find("si_pid=") {
      scanner.at = found + 7
      sender = Int32(truncatingIfNeeded: scanner.number() ?? 0)
    }
    let disposition = world.handler(of: number, in: threads[place].record.process)?.disposition ?? .standard
    if disposition.action == .handler, let interrupted = threads[place].call?.interrupted, interrupted != 0 {
      let restarts = interrupted == -513 || interrupted == -512 && disposition.restarts
      endInterrupted(place, result: restarts ? interrupted : -4)
    }
    tell(threads[place].id, .signal(SignalDelivery(number: number, code: code, sender: sender)))
  }

  private func code(of body: Scanner) -> Int32 {
    guard let found = body.find("si_code=") else { return 0 }
    var scanner = body
    scanner.at = found + 8
    if let number = scanner.number() { return Int32(truncatingIfNeeded: number) }
    let codes: [(StaticString, Int32)] = [
      ("SI_USER", 0), ("SI_TKILL", -6), ("SI_QUEUE", -1), ("SI_TIMER", -2), ("SI_KERNEL", 0x80), ("CLD_EXITED", 1),
      ("CLD_KILLED", 2), ("CLD_DUMPED", 3), ("CLD_TRAPPED", 4), ("CLD_STOPPED", 5), ("CLD_CONTINUED", 6),
      ("SEGV_MAPERR", 1), ("SEGV_ACCERR", 2), ("POLL_IN", 1),
    ]
    return codes.first { scanner.starts(with: $0.0) }?.1 ?? 1
  }

  // MARK: Ends

  /// `+++ exited with 0 +++`, `+++ killed by SIGKILL (core dumped) +++`, `+++ superseded by execve in pid 12 +++`.
  func ended(_ body: Scanner, tid: Int32) {
    var scanner = body
    scanner.at += 4
    let place = thread(tid)
    if scanner.skip("exited with "), let status = scanner.decimal() {
      end(place, status: Int32(truncatingIfNeeded: status & 0xFF) << 8)
    } else if scanner.skip("killed by "), let signal = Constants.signal(scanner) {
      end(place, status: signal | (scanner.find("core dumped") != nil ? 0x80 : 0))
    } else if scanner.skip("superseded by execve in pid "), let former = scanner.decimal(),
      let caller = numbers[Int32(truncatingIfNeeded: former)]
    {
      superseded[tid] = caller
    } else {
      note(.prose, body)
    }
  }

  private func end(_ place: Int, status: Int32) {
    if let open = threads[place].call, open.interrupted == 0, !open.isTold { threads[place].call = nil }
    tell(threads[place].id, .end(status: status))
    forget(place)
  }

  private func forget(_ place: Int) {
    threads[place].hasEnded = true
    threads[place].call = nil
    if brokenThread == place {
      brokenThread = nil
      noteBrokenLines()
    }
    if numbers[threads[place].tid] == place { numbers[threads[place].tid] = nil }
  }

  // MARK: What a log cannot tell

  func sayOnce(_ spot: BlindSpot, _ what: String, _ place: Int) {
    guard said.insert("\(spot) \(what)").inserted else { return }
    tell(threads[place].id, .blindSpot(spot, detail: intern(Array(what.utf8))))
  }

  /// What is missing for all of it. Told of the first thread.
  func sayWhatIsMissing() {
    guard let first = survey.firstTid.map({ $0 > 0 ? $0 : survey.unnamed }) else { return }
    let place = thread(first)
    if first == 0 { sayOnce(.log, "it does not tell of which process it is: 0 stands for its pid", place) }
    if !survey.beginsWithExec {
      sayOnce(
        .log,
        "it begins late: what descriptors were before is not told"
          + (survey.hasIdentities ? "" : " (strace -yy names them)"), place)
    }
    if survey.style == .none {
      sayOnce(.log, "it has no times (strace -ttt): instead of them lines are counted", place)
    } else if survey.style == .ofDay, !survey.hasFractions {
      sayOnce(.log, "its times are whole seconds (strace -ttt is exact)", place)
    }
    if isMerged, survey.style == .none {
      sayOnce(.log, "without times the order of what different threads did is not told", place)
    }
  }
}
