// Birth, exec and death.

import CLinux
import Glibc
import Ptrace
import Trace

extension Recorder {
  func addRoot() {
    let process = TracedProcess(pid: root, id: nextProcess())
    process.hasExeced = false
    tracees[root] = makeTracee(root, process: process)
  }

  func nextProcess() -> ProcessID {
    defer { processCount += 1 }
    return ProcessID(processCount)
  }

  func makeTracee(_ tid: Int32, process: TracedProcess) -> Tracee {
    let id = ThreadID(threadCount)
    threadCount += 1
    let generation = generations[tid, default: 0]
    generations[tid] = generation + 1
    let record = ThreadRecord(tid: tid, generation: generation, process: process.id, pid: process.pid)
    writer.define(id, record)
    // Ids are given out one by one, so the table cannot refuse them.
    try? tables.define(id, record)
    return Tracee(tid: tid, id: id, process: process)
  }

  func eventStop(_ tracee: Tracee, _ event: PtraceEvent, _ token: consuming StoppedTracee) throws(PtraceError) {
    switch event {
    case .fork, .vfork, .clone:
      if let message = try? token.eventMessage() { try spawned(tracee, Int32(truncatingIfNeeded: message)) }
      describePidfd(tracee)
      // The table has been copied.
      endTurn(tracee)
    case .exec:
      let former = (try? token.eventMessage()).map { Int32(truncatingIfNeeded: $0) } ?? tracee.tid
      execed(tracee, former: former)
    case .exit:
      sampleUsage(tracee, at: now, every: 0)
      sampleName(tracee)
      askMuted(atEndOf: tracee)
      takeStackOfBlocked(tracee, token)
      endEarly(tracee, token)
      tracee.isExiting = true
      // Whoever ends is not held: another thread's exec waits for it.
      try token.resume(.run)
      return
    case .stop:
      // A newborn's first stop, or an interrupt: nothing to inject.
      if let untraced = tracee.untraced {
        untraced.giveBack(token)
        tracee.untraced = nil
      }
      repairInterrupted(tracee, token)
      if tracee.isSampled, let registers = try? token.registers() {
        tracee.isSampled = false
        note(registers, tracee)
        if registers.number < 0 { takeStackOfStanding(tracee, isInCall: false, token) }
      }
      if let probe = tracee.probe, !probe.isOfTurns, probe.calls == 0 { takeStackOfBurner(tracee, token) }
      if isArriving(tracee) {
        arrived(tracee, token)
        return
      }
      if tracee.isNewborn {
        tracee.isNewborn = false
        noteInheritance(tracee)
        beginSettling(tracee)
        if wantsArming(tracee) { return try inject(tracee, at: .exit, token) }
      }
    case .vforkDone, .seccomp: break
    }
    if tracee.doubtfulSince != nil { return try settleOrHold(tracee, token) }
    try resume(tracee, token)
  }

  /// A leader that ends before its threads is not reported until they have ended (wait(2) of a thread group), and has no
  /// descriptors any more.
  private func endEarly(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard hasBegun, tracee.tid == tracee.process.pid, tracee.process.threads > 1,
      let message = try? token.eventMessage()
    else { return }
    tracee.hasEnded = true
    doubtTable(of: tracee)
    emit(tracee, .end(status: Int32(truncatingIfNeeded: message)))
  }

  /// The kernel made a child. Whether it is a thread the flags say, not the event (ptrace(2), PTRACE_EVENT_CLONE).
  private func spawned(_ parent: Tracee, _ tid: Int32) throws(PtraceError) {
    // An orphan that was adopted needs no second birth.
    guard tracees[tid] == nil else { return }
    var flags: UInt64 = 0
    var doubtfulSince: Nanoseconds?
    if case .spawn(let asked, _) = parent.call?.operation {
      flags = asked
      if asked & 0x400 == 0, hasBegun { doubtfulSince = parent.call?.doubtfulSince }
    } else if let family = ProcFS.family(of: tid), family.process != tid {
      // The parent was inside of its call when we attached. CLONE_VM, FS, FILES, SIGHAND, THREAD: what pthread_create asks for.
      flags = 0x10F00
    }
    if flags & 0x500 == 0 {
      describeInheritance(from: parent)
      synchronize(parent)
    }
    let others = doubtfulSince == nil ? [] : sharers(of: parent)
    var doubtful: [FD] = []
    if let doubtfulSince, !others.isEmpty { doubtful = world.numbersChanged(since: doubtfulSince, of: parent.id) }
    let child = add(tid, pid: tid, Start(parent: parent.id, flags: flags), parent: parent)
    if let doubtfulSince, isInDoubt(parent, others, since: doubtfulSince, doubtful) {
      child.doubtfulSince = doubtfulSince
      child.doubtfulNumbers = doubtful + others.flatMap { numbersAtStake($0) }
      child.doubtfulSource = parent.id
    }
    // What the parent has not looked up yet, the child has copied.
    if hasBegun, flags & 0x400 == 0, let since = parent.doubtfulSince {
      child.doubtfulSince = min(child.doubtfulSince ?? .max, since)
      child.doubtfulNumbers += doubtfulNumbers(of: parent)
      child.doubtfulSource = parent.id
    }
    if case .spawn(let asked, _) = parent.call?.operation {
      parent.call?.operation = .spawn(flags: asked, child: child.id)
      // With shared memory clone3's flags are one word for both, which the parent gives back.
      child.untraced = parent.call?.untraced.flatMap { $0.address != nil && asked & 0x100 != 0 ? nil : $0 }
    }
    try claim(child)
  }

  /// Whether other threads changed the parent's table, or may have, while the kernel copied it.
  private func isInDoubt(_ parent: Tracee, _ others: [Tracee], since: Nanoseconds, _ changed: [FD]) -> Bool {
    changed.contains { world.descriptor($0, of: parent.id).by != parent.id }
      || others.contains { $0.call.map { $0.interrupted == 0 && Self.changesTable($0.operation) } ?? false }
  }

  /// Enters a child into the tables and the trace.
  private func add(_ tid: Int32, pid: Int32, _ start: Start, parent: Tracee?) -> Tracee {
    let process: TracedProcess
    if start.isThread, let parent {
      process = parent.process
      process.threads += 1
    } else {
      process = TracedProcess(
        pid: pid, id: nextProcess(),
        space: parent.map { start.sharesMemory ? $0.process.space : AddressSpace(copyOf: $0.process.space) }
          ?? AddressSpace())
      // What it has it was seen to get.
      process.isDescribed = true
    }
    if let parent, !start.isThread {
      process.hasOwnFilter = parent.process.hasOwnFilter
      process.hasNoNewPrivileges = parent.process.hasNoNewPrivileges
      process.layers = parent.process.layers
      process.stopsEverywhere = parent.process.stopsEverywhere
      process.isWatched = parent.process.isWatched
      process.wasForkedAmongThreads =
        !start.sharesMemory && (parent.process.threads > 1 || parent.process.wasForkedAmongThreads)
    }
    let child = makeTracee(tid, process: process)
    child.frames = start.isThread ? [] : parent?.frames ?? []
    child.name = parent?.name ?? []
    if let parent, !start.isThread { child.stackMemo = parent.stackMemo }
    if hasBegun { child.lastTold = now }
    child.isNewborn = parent != nil && !start.isThread && !start.sharesMemory
    tracees[tid] = child
    if hasBegun { emit(child, .start(start)) }
    if hasBegun, !start.isThread, parent?.process.isSettling == true { emit(child, .scope(scope)) }
    if isEnding { kill(tid, SIGKILL) }
    return child
  }

  /// Answers what was heard of the child before.
  private func claim(_ child: Tracee) throws(PtraceError) {
    guard let newborn = unclaimed.removeValue(forKey: child.tid) else { return }
    if let raw = newborn.ended {
      tracees[child.tid] = nil
      child.process.threads -= 1
      if hasBegun { emit(child, .end(status: raw)) }
    } else if let token = newborn.take() {
      // Its first stop, or the signal or group-stop that came before that.
      try stopped(token)
    }
  }

  /// Children whose parent was killed before it could tell of them: what they are stands in /proc.
  func adoptOrphans() throws(PtraceError) {
    for tid in Array(unclaimed.keys) {
      guard unclaimed[tid]?.ended == nil, let family = ProcFS.family(of: tid) else {
        // Gone without having done anything.
        unclaimed[tid]?.drop()
        unclaimed[tid] = nil
        continue
      }
      let isThread = family.process != tid
      // Its reaper by now is not who forked it: that is who died in a fork.
      let parent = isThread ? tracees.values.first { $0.process.pid == family.process } : nil
      let sharer = isThread ? nil : tracees.values.first { clinux_same_table($0.tid, tid) == 1 }
      let forker = diedForking.count == 1 ? diedForking[0] : .unknown
      // CLONE_VM, FS, FILES, SIGHAND, THREAD: what pthread_create asks for; or CLONE_FILES.
      let start = Start(
        parent: parent?.id ?? sharer?.id ?? forker, flags: isThread ? 0x10F00 : sharer != nil ? 0x400 : 0)
      let child = add(tid, pid: family.process, start, parent: parent)
      if parent == nil, sharer == nil { describeAll(child) }
      try claim(child)
    }
    if unclaimed.isEmpty { diedForking = [] }
  }

  private func execed(_ tracee: Tracee, former tid: Int32) {
    tracee.givenNames = [:]
    var caller = ThreadID.unknown
    var former: Tracee?
    if tid != tracee.tid, let thread = tracees[tid] {
      // The thread that called exec has taken over the leader's number; the leader is gone without a word.
      if !tracee.hasEnded { doubtTable(of: tracee) }
      tracees[tid] = nil
      tracee.call = thread.call
      endTurn(thread)
      tracee.arena = thread.arena
      caller = thread.id
      former = thread
      tracee.doubtfulSince = thread.doubtfulSince
      tracee.doubtfulNumbers = thread.doubtfulNumbers
      tracee.doubtfulSource = thread.doubtfulSource
    }
    tracee.frames = []
    tracee.hasEnded = false
    tracee.isExiting = false
    tracee.process.threads = 1
    tracee.process.space = AddressSpace()
    tracee.process.said.remove(.otherABI)
    tracee.process.wasForkedAmongThreads = false
    if !hasBegun {
      hasBegun = true
      start = Self.clock(CLOCK_MONOTONIC)
      setNoNewPrivileges = ProcFS.hasNoNewPrivileges(tracee.tid) && !ProcFS.hasNoNewPrivileges(getpid())
      tracee.call?.entered = 0
      emit(tracee, .start(Start(parent: .unknown, flags: 0)))
      if scope != .all { emit(tracee, .scope(scope)) }
      for range in armedAtStart { emit(tracee, .armed(range.calls, first: range.first, last: range.last)) }
      describeAll(tracee)
    }
    let interrupted = tracees.values.filter { $0.process === tracee.process && $0 !== tracee && $0.call != nil }
    let doubtfulSince = tracee.call?.doubtfulSince
    let isShared = world.isTableShared(by: tracee.id)
    let stake = (interrupted + (isShared ? sharers(of: former ?? tracee) : [])).flatMap { numbersAtStake($0) }
    if case .exec(var exec) = tracee.call?.operation {
      exec.caller = caller
      tracee.call?.operation = .exec(exec)
      // The begin of another thread's exec, like that of the launching child's, is not this thread's.
      complete(tracee, result: 0, phase: former == nil && tracee.process.hasExeced ? .end : .whole)
      if let former { emit(former, .end(status: 0)) }
    }
    // Threads that were killed for the exec may have been in the middle of a call.
    if let doubtfulSince, tracee.process.hasExeced, isShared || former != nil {
      tracee.doubtfulSince = interrupted.reduce(min(doubtfulSince, tracee.doubtfulSince ?? .max)) {
        min($0, $1.call?.entered ?? $0)
      }
      tracee.doubtfulNumbers += stake
    }
    tracee.process.hasExeced = true
    if tracee.process.isSettling { endSettling(tracee) }
    sampleName(tracee)
    sayIfUnprivileged(tracee)
  }

  /// A program that would have been given privilege, were it not traced (Linux 6.1, security/commoncap.c,
  /// cap_bprm_creds_from_file; fs/exec.c, bprm_fill_uid).
  private func sayIfUnprivileged(_ tracee: Tracee) {
    guard !tracee.process.hasNoNewPrivileges, let lost = ProcFS.lostPrivilege(of: tracee.tid, redaction: redaction)
    else { return }
    say(.unprivileged, lost, tracee)
  }

  /// What the target was given: its descriptors at the start.
  func describeAll(_ tracee: Tracee) {
    // What is not armed may be closed unseen, so that it is better not to know it.
    for fd in ProcFS.descriptors(of: tracee.tid) where world.sight(of: tracee.id).sees(.closes, on: fd) {
      describe(fd, of: tracee)
    }
  }

  func sampleName(_ tracee: Tracee) {
    guard hasBegun, let name = ProcFS.name(of: tracee.tid, in: tracee.process.pid), name != tracee.name else { return }
    tracee.name = name
    emit(tracee, .name(intern(name)))
  }
}
