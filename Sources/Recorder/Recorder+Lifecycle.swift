// Birth, exec, death and signals.

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

  private func nextProcess() -> ProcessID {
    defer { processCount += 1 }
    return ProcessID(processCount)
  }

  private func makeTracee(_ tid: Int32, process: TracedProcess) -> Tracee {
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
      try token.resume(.toSyscall)
    case .exec:
      let former = (try? token.eventMessage()).map { Int32(truncatingIfNeeded: $0) } ?? tracee.tid
      execed(tracee, former: former)
      try token.resume(.run)
    case .exit:
      sampleUsage(tracee, at: now, every: 0)
      sampleName(tracee)
      try token.resume(.run)
    case .vforkDone, .seccomp, .stop:
      // A newborn's first stop, or an interrupt: nothing to inject.
      try token.resume(tracee.call == nil ? .run : .toSyscall)
    }
  }

  /// The kernel made a child. Whether it is a thread the flags say, not the event (ptrace(2), PTRACE_EVENT_CLONE).
  private func spawned(_ parent: Tracee, _ tid: Int32) throws(PtraceError) {
    var flags: UInt64 = 0
    if case .spawn(let asked, _) = parent.call?.operation { flags = asked }
    // An orphan that was adopted needs no second birth.
    guard tracees[tid] == nil else { return }
    let child = add(tid, pid: tid, Start(parent: parent.id, flags: flags), parent: parent)
    if case .spawn(let asked, _) = parent.call?.operation {
      parent.call?.operation = .spawn(flags: asked, child: child.id)
    }
    try claim(child)
  }

  /// Enters a child into the tables and the trace.
  private func add(_ tid: Int32, pid: Int32, _ start: Start, parent: Tracee?) -> Tracee {
    let process: TracedProcess
    if start.isThread, let parent {
      process = parent.process
      process.threads += 1
    } else {
      process = TracedProcess(pid: pid, id: nextProcess())
    }
    let child = makeTracee(tid, process: process)
    child.frames = start.isThread ? [] : parent?.frames ?? []
    child.name = parent?.name ?? []
    tracees[tid] = child
    if hasBegun { emit(child, .start(start)) }
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
      try token.resume(.run)
    }
  }

  /// Children whose parent was killed before it could tell of them: what they are stands in /proc.
  func adoptOrphans() throws(PtraceError) {
    for tid in Array(unclaimed.keys) {
      guard unclaimed[tid]?.ended == nil, let family = ProcFS.family(of: tid) else {
        // Gone without having done anything.
        unclaimed[tid] = nil
        continue
      }
      let isThread = family.process != tid
      let parent = tracees.values.first { $0.process.pid == (isThread ? family.process : family.parent) }
      // CLONE_VM, FS, FILES, SIGHAND, THREAD: what pthread_create asks for.
      let start = Start(parent: parent?.id ?? .unknown, flags: isThread ? 0x10F00 : 0)
      let child = add(tid, pid: family.process, start, parent: parent)
      if parent == nil { describeAll(child) }
      try claim(child)
    }
  }

  private func execed(_ tracee: Tracee, former tid: Int32) {
    var caller = ThreadID.unknown
    var former: Tracee?
    if tid != tracee.tid, let thread = tracees.removeValue(forKey: tid) {
      // The thread that called exec has taken over the leader's number; the leader is gone without a word.
      tracee.call = thread.call
      tracee.arena = thread.arena
      caller = thread.id
      former = thread
    }
    tracee.frames = []
    tracee.process.threads = 1
    tracee.process.saidOtherABI = false
    if !hasBegun {
      hasBegun = true
      start = Self.clock(CLOCK_MONOTONIC)
      tracee.call?.entered = 0
      emit(tracee, .start(Start(parent: .unknown, flags: 0)))
      describeAll(tracee)
    }
    if case .exec(var exec) = tracee.call?.operation {
      exec.caller = caller
      tracee.call?.operation = .exec(exec)
      // The begin of another thread's exec, like that of the launching child's, is not this thread's.
      complete(tracee, result: 0, phase: former == nil && tracee.process.hasExeced ? .end : .whole)
      if let former { emit(former, .end(status: 0)) }
    }
    tracee.process.hasExeced = true
    sampleName(tracee)
  }

  /// What the target was given: its descriptors at the start.
  private func describeAll(_ tracee: Tracee) {
    let descriptors = ProcFS.descriptors(of: tracee.tid)
    for (place, fd) in descriptors.enumerated() {
      let twin = descriptors[..<place].first { clinux_same_file(tracee.tid, $0, tracee.tid, fd) == 1 }
      describe(fd, of: tracee, sameAs: twin ?? -1)
    }
  }

  func sampleName(_ tracee: Tracee) {
    guard hasBegun, let name = ProcFS.name(of: tracee.tid, in: tracee.process.pid), name != tracee.name else { return }
    tracee.name = name
    emit(tracee, .name(writer.intern(name)))
  }

  // MARK: Signals

  func signalStop(_ tracee: Tracee, _ signal: Int32, _ token: consuming StoppedTracee) throws(PtraceError) {
    guard hasBegun, let info = try? token.signal() else {
      try token.resume(.run, signal: signal)
      return
    }
    let disposition = world.handler(of: signal, in: tracee.process.id)?.disposition ?? .standard
    let isHandled = disposition.action == .handler
    if let call = tracee.call, call.interrupted == -Int64(EINTR), isIgnored(signal, disposition, by: tracee.tid) {
      // Untraced, the signal would have been dropped before it woke anybody: the kernel restarts the call after -ERESTARTNOHAND.
      if (try? token.setResult(-514)) != nil { tracee.call?.mayRestart = true }
    } else if isHandled, let call = tracee.call, call.interrupted != 0 {
      // ERESTARTSYS restarts after a SA_RESTART handler, ERESTARTNOINTR always does; all else becomes EINTR
      // (Linux 6.1, arch/x86/kernel/signal.c, handle_signal).
      let restarts = call.interrupted == -513 || call.interrupted == -512 && disposition.restarts
      complete(tracee, result: restarts ? call.interrupted : -Int64(EINTR))
    }
    emit(tracee, .signal(SignalDelivery(number: signal, code: info.code, sender: info.sender)))
    if isHandled {
      let pointer = disposition.usesAlternateStack ? nil : (try? token.syscall())?.stackPointer
      tracee.frames.append((signal, pointer))
    }
    try token.resume(tracee.call == nil || tracee.call?.interrupted != 0 ? .run : .toSyscall, signal: signal)
  }

  /// Whether the kernel would drop the signal unseen, were nobody tracing (signal(7); Linux 6.1, SIG_KERNEL_IGNORE_MASK).
  private func isIgnored(_ signal: Int32, _ disposition: SignalDisposition, by tid: Int32) -> Bool {
    switch disposition.action {
    case .handler: false
    case .ignore: true
    case .standard: [SIGCHLD, SIGURG, SIGWINCH].contains(signal) || ProcFS.ignores(signal, tid: tid)
    }
  }

  /// The least that the kernel puts on the stack for a handler: red zone, siginfo and ucontext, and the FXSAVE area
  /// (Linux 6.1, arch/x86/kernel/signal.c, get_sigframe: 128 + 440 + 512).
  private static let smallestFrame: UInt64 = 1024

  /// A thread that makes calls from above a handler's frame has left that handler by siglongjmp.
  func leaveAbandonedHandlers(_ tracee: Tracee, stackPointer: UInt64) {
    while let frame = tracee.frames.last, let entered = frame.stackPointer,
      stackPointer > entered &- Self.smallestFrame
    {
      tracee.frames.removeLast()
      emit(tracee, .handlerLeft(signal: frame.signal))
    }
  }
}
