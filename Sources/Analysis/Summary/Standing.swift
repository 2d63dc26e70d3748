// Where each thread stands when the trace ends: what it waits for, since when, and who could end that; or where it burns.

import Lineage
import Trace

/// A thread at the end of the trace.
public struct Standing: Sendable {
  public var pid: Int32
  public var tid: Int32
  public var command: String
  /// The thread's own name, where it is another than the program's.
  public var name: String
  /// The call that it is in, by name; nil for a thread that runs.
  public var syscall: String?
  /// The descriptor that it waits on, or -1.
  public var fd: FD
  public var kind: ObjectKind?
  /// When it entered the call; nil if that was before the trace.
  public var since: Nanoseconds?
  /// `waits in read() on fd 3 (pipe) since before the trace; sh (pid 4, fd 5) could write it`
  public var text: String
  /// Where it stands in the code, or was seen to run.
  public var stack: Int?
  public internal(set) var frames: [Frame] = []

  /// `python3 (pid 12, thread 13 "worker")`.
  public var who: String {
    var facts = "pid \(pid)"
    if tid != pid { facts += ", thread \(tid)" }
    if !name.isEmpty, name != command { facts += " \"\(name)\"" }
    return "\(command) (\(facts))"
  }
}

/// Watches where threads without calls were seen to run.
struct StandingMeter {
  private var places: [ThreadID: [Place: Int]] = [:]
  /// The last stack of a thread that was seen to run.
  private var stacks: [ThreadID: StackID] = [:]

  private struct Place: Hashable {
    var module: StringID
    var offset: UInt64
  }

  mutating func ran(_ thread: ThreadID, _ module: StringID, _ offset: UInt64) {
    places[thread, default: [:]][Place(module: module, offset: offset), default: 0] += 1
  }

  mutating func ran(_ thread: ThreadID, _ stack: StackID) { stacks[thread] = stack }

  /// Where the thread ran, in no call, when it was last looked at.
  func lastRun(of thread: ThreadID) -> StackID? { stacks[thread] }

  /// All threads that are alive at the end, in order of process and thread.
  /// `isPartial`: not all threads and descriptors are told of (a part of a log).
  func standings(
    _ findings: [Finding], world: World, tables: TraceTables, duration: Nanoseconds, isPartial: Bool
  ) -> [Standing] {
    let alive = world.threads.filter(\.isAlive)
    return alive.sorted { ($0.process, $0.id) < ($1.process, $1.id) }.map { thread in
      var standing = standing(thread, world: world, tables: tables, duration: duration, isPartial: isPartial)
      // A spin that lasts to the end says more than the call that happens to be open.
      let spin = findings.last {
        [.busyPoll, .zeroTimeoutSpin, .retrySpin].contains($0.rule) && $0.victim?.process == thread.process
          && $0.victim?.tid == thread.tid
          && $0.last + duration / 4 >= duration
      }
      if let spin {
        let on = spin.object?.victimFD.map { " on fd \($0)" } ?? ""
        standing.text = "\(spin.severity == .note ? "turns without waiting" : "spins")\(on), see \(spin.id)"
      }
      return standing
    }
  }

  private func standing(
    _ thread: ThreadState, world: World, tables: TraceTables, duration: Nanoseconds, isPartial: Bool
  ) -> Standing {
    let name = EventText.harmless(tables.text(thread.givenName == .empty ? thread.name : thread.givenName))
    var standing = Standing(
      pid: world.process(thread.process)?.pid ?? 0, tid: thread.tid, command: world.command(thread.process, tables),
      name: name, syscall: nil, fd: -1, kind: nil, since: nil, text: "")
    let burns = Double(thread.running) / Double(max(1, duration - min(duration, thread.started)))
    guard let call = world.openCall(of: thread.id), let place = world.openPlace(of: thread.id), burns < 0.5,
      !isGlance(call, of: thread, world: world)
    else {
      if burns < 0.05, let wait = world.lastWait(of: thread.id) {
        // Caught between two calls, or in one that does not last.
        let words = Waiting.words(
          wait.operation, wait.syscall, thread, world: world, tables: tables, isPartial: isPartial)
        // Of a wait on numbers these are not kept.
        var isKnown = !words.who.isEmpty
        if case .wait(let wait) = wait.operation, !wait.isEpoll, wait.timeout < 0 { isKnown = false }
        standing.text = "mostly \(words.what)\(isKnown ? "; \(words.who)" : "")"
      } else {
        standing.text =
          isPartial && burns < 0.05
          ? "is between two calls where the log ends" : running(thread, share: burns, tables: tables)
        if burns >= 0.05 { standing.stack = stacks[thread.id]?.position }
      }
      return standing
    }
    standing.syscall = call.syscall.name
    standing.stack = call.stack == .none ? nil : call.stack.position
    standing.fd = place.fd
    standing.kind = place.kind
    // A call that was entered before the trace is written down with its first moment.
    let isOld = thread.predates && call.since <= thread.started + 1_000_000_000 && call.since == 0
    standing.since = isOld ? nil : call.since
    let time = isOld ? "since before the trace" : "since \(Duration.moment(call.since))"
    let words = Waiting.words(
      call.operation, call.syscall, thread, world: world, tables: tables, isPartial: isPartial)
    standing.text = "\(words.what) \(time)\(words.who.isEmpty ? "" : "; \(words.who)")"
    return standing
  }

  /// A wait without a timeout, of a thread that has waited before: that is where it stands.
  private func isGlance(_ call: OpenCall, of thread: ThreadState, world: World) -> Bool {
    guard case .wait(let wait) = call.operation, wait.timeout == 0,
      case .wait(let last)? = world.lastWait(of: thread.id)?.operation
    else { return false }
    return last.timeout != 0
  }

  private func running(_ thread: ThreadState, share: Double, tables: TraceTables) -> String {
    let percent = Duration.fixed(min(1, share) * 100, 0)
    let verb =
      share >= 0.5
      ? "burns its core (\(percent) %)" : share >= 0.05 ? "runs (\(percent) % of a core)" : "idles between its calls"
    guard let seen = places[thread.id], !seen.isEmpty else { return verb }
    let looks = seen.values.reduce(0, +)
    // The module in which it was seen most, and there the commonest place.
    var modules: [StringID: Int] = [:]
    for (place, count) in seen { modules[place.module, default: 0] += count }
    let module = modules.max { ($0.value, $1.key.index) < ($1.value, $0.key.index) }!
    let commonest = seen.filter { $0.key.module == module.key }.max {
      ($0.value, $1.key.offset) < ($1.value, $0.key.offset)
    }!
    let path = tables.text(module.key)
    let file = path.split(separator: "/").last.map(String.init) ?? path
    let where_ = "\(file.isEmpty ? "" : EventText.harmless(file) + "+")0x\(String(commonest.key.offset, radix: 16))"
    return
      "\(verb) without a system call, in \(where_) (\(module.value) of \(counted(UInt64(looks), "look")) in that file)"
  }
}

/// What a call waits for, and who could end it.
enum Waiting {
  private static let mostShown = 4

  static func words(
    _ operation: Operation, _ syscall: Syscall, _ thread: ThreadState, world: World, tables: TraceTables,
    isPartial: Bool
  ) -> (what: String, who: String) {
    let call = "\(syscall.name)()"
    switch operation {
    case .wait(let wait):
      let who = ends(of: wait, thread, world: world, tables: tables, isPartial: isPartial)
      return (wait.timeout == 0 ? "looks in \(call) without waiting" : "waits in \(call)", who)
    case .transfer(let transfer):
      let file = world.file(world.descriptor(transfer.fd, of: thread.id).file)
      let what = "waits in \(call) on \(object(transfer.fd, file?.kind))"
      guard transfer.direction == .input else {
        return (what, readers(transfer.fd, thread, world: world, tables: tables))
      }
      return (what, writers(transfer.fd, thread, world: world, tables: tables, isPartial: isPartial))
    case .accept(let fd, _):
      let name = world.file(world.descriptor(fd, of: thread.id).file).map { tables.text($0.name) } ?? ""
      return (
        "waits in \(call) on fd \(fd)", "for a connection\(name.isEmpty ? "" : " to \(EventText.harmless(name))")"
      )
    case .connect(let fd, let address):
      return ("waits in \(call) on fd \(fd)", "for \(EventText.harmless(tables.text(address))) to answer")
    case .lock(let fd, _): return ("waits in \(call) on fd \(fd)", "for who has locked that file (/proc/locks)")
    case .sleep: return ("sleeps in \(call)", "")
    case .waitChild(let pid):
      return ("waits in \(call)", children(of: thread, only: pid, world: world, tables: tables))
    case .futex(let address, let operation, _):
      return (
        "waits in \(call) at 0x\(String(address, radix: 16))",
        operation & 128 == 0
          ? "another thread, or a process that shares that memory, must wake it"
          : lock(thread, world, isPartial: isPartial)
      )
    case .exec, .spawn: return ("is inside of \(call)", "")
    default:
      let isForSignal = [.pause, .rtSigsuspend, .rtSigtimedwait].contains(syscall)
      return ("waits in \(call)", isForSignal ? "for a signal" : "")
    }
  }

  private static func object(_ fd: FD, _ kind: ObjectKind?) -> String {
    "fd \(fd)\(kind.map { " (\(ObjectWords.noun($0)))" } ?? "")"
  }

  private static func ends(
    of wait: Wait, _ thread: ThreadState, world: World, tables: TraceTables, isPartial: Bool
  ) -> String {
    var fds: [FD] = world.openWaits(of: thread.id).map(\.fd).filter { $0 >= 0 }
    if wait.isEpoll {
      let instance = world.file(world.descriptor(wait.epoll, of: thread.id).file)
      fds = instance?.interest.entries.map(\.fd) ?? []
    }
    var parts = wait.timeout > 0 ? ["at most \(Duration.asked(UInt64(wait.timeout))) at a time"] : []
    if fds.isEmpty, wait.timeout < 0 {
      parts.append(isPartial ? "for what the log does not tell" : "on nothing: only a signal ends it")
    }
    for fd in fds.prefix(mostShown) {
      let file = world.file(world.descriptor(fd, of: thread.id).file)
      let who = writers(fd, thread, world: world, tables: tables, isPartial: isPartial)
      parts.append("\(object(fd, file?.kind))\(who.isEmpty ? "" : ": \(who)")")
    }
    if fds.count > mostShown { parts.append("\(fds.count - mostShown) more") }
    return parts.joined(separator: "; ")
  }

  /// Who could write what the descriptor reads.
  private static func writers(
    _ fd: FD, _ thread: ThreadState, world: World, tables: TraceTables, isPartial: Bool
  ) -> String {
    guard let file = world.file(world.descriptor(fd, of: thread.id).file), file.channel >= 0 else { return "" }
    switch file.kind {
    case .pipe, .fifo, .eventfd, .socketpair:
      let writers = world.writers(of: file.channel, to: file.side, tables: tables)
      guard writers.isEmpty else { return "\(writers.joined(separator: ", ")) could write it" }
      // Of a channel from before the trace others may hold an end, whom we may not look at.
      if world.channel(file.channel)?.predates == true { return "" }
      return isPartial ? "nobody that the log shows has its other end" : "nobody has its other end"
    case .socket:
      let link = tables.text(file.name)
      let isConnected = link.contains("] to ") || link.contains("] from ")
      let name = isConnected ? link.split(separator: " ").last.map(String.init) ?? link : link
      return name.hasPrefix("socket:[") || name.isEmpty ? "its peer" : "its peer is \(EventText.harmless(name))"
    case .timerfd: return "its timer"
    case .signalfd: return "a signal"
    case .tty: return "who types"
    default: return ""
    }
  }

  private static func readers(_ fd: FD, _ thread: ThreadState, world: World, tables: TraceTables) -> String {
    guard let file = world.file(world.descriptor(fd, of: thread.id).file), file.channel >= 0,
      let channel = world.channel(file.channel)
    else { return "" }
    // Who has a socket's other side is not told, and of an object of no known kind not even which side is read.
    if file.kind == .socket { return "until its peer reads" }
    guard [.pipe, .fifo, .eventfd, .socketpair].contains(file.kind) else { return "" }
    let readers = world.holders(of: file.channel).filter {
      $0.side != .write && channel.canWrite(file.side, to: $0.side)
    }
    .map { "\(world.command($0.process, tables)) (pid \(world.process($0.process)?.pid ?? 0), fd \($0.fd))" }
    return readers.isEmpty ? "" : "until \(readers.prefix(mostShown).joined(separator: ", ")) reads"
  }

  private static func children(
    of thread: ThreadState, only pid: Int32, world: World, tables: TraceTables
  ) -> String {
    let all = world.living.compactMap { world.process($0) }.filter { $0.parent == thread.process }
    let children = (all.contains { $0.pid == pid } ? all.filter { $0.pid == pid } : all)
      .map { "\(world.command($0.id, tables)) (pid \($0.pid))" }
    guard !children.isEmpty else { return "for a child to end" }
    let more = children.count > mostShown ? " and \(children.count - mostShown) more" : ""
    return "for \(children.prefix(mostShown).joined(separator: ", "))\(more) to end"
  }

  private static func lock(_ thread: ThreadState, _ world: World, isPartial: Bool) -> String {
    guard let process = world.process(thread.process) else { return "" }
    guard let owner = world.lockOwner(of: thread.id) else {
      let others = world.threads(of: process.id).filter { world.thread($0)?.isAlive == true }
      return isPartial || others.count > 1
        ? "another thread must wake it" : "it is the only thread: nobody in its process can wake it"
    }
    if owner == 0 { return "for what it inherited at its fork: nobody in its process can release or signal that" }
    if world.threads(of: process.id).contains(where: { world.thread($0).map { $0.tid == owner && $0.isAlive } ?? false }
    ) {
      return "for the lock that thread \(owner) holds"
    }
    return
      "for a lock that thread \(owner) holds, which does not exist in this process: it was locked when the process was forked, so nobody can unlock it"
  }
}
