// What three rules share: a forked, not exec'd process that uses a channel of another process's loop.

import Lineage
import Trace

/// Writes of one process into a channel that it only inherited, gathered until they can be judged.
struct ForeignWrites {
  var channel: UInt32
  var kind: ObjectKind
  var actor: ProcessID
  var thread: ThreadID
  var fd: FD
  /// The call that the first one was made by.
  var call: Syscall
  var count: UInt64 = 0
  var bytes: UInt64 = 0
  var first: Nanoseconds
  var last: Nanoseconds
  var evidence: [Evidence] = []
  /// The number that each other holder knew the channel's reading end by, at the first write.
  var readers: [(process: ProcessID, fd: FD, keepsWriting: Bool, isWaiting: Bool)]
  /// The writer had closed its own reading end: it means to write.
  var actorOnlyWrites: Bool
  /// Neither the writer's nor a reader's end blocks.
  var isNonblocking: Bool
  /// Written inside of the handler's frame, not right after it.
  var isInHandler = false
  /// The signal in whose inherited handler it wrote; 0 for writes outside of handlers.
  var signal: Int32 = 0
  /// What was written holds the signal's number, so that a reader takes it for that signal.
  var saysSignal = false
}

extension ForeignWrites {
  private static let evidenceKept = 3

  /// Counts one more write.
  mutating func add(_ event: Event, _ result: CallResult, _ evidence: @autoclosure () -> Evidence) {
    count += UInt64(event.repeats)
    bytes &+= result.count &* UInt64(event.repeats)
    last = event.exited
    if self.evidence.count < Self.evidenceKept { self.evidence.append(evidence()) }
  }

  /// The finding that the writes make, about the object and owner that they were judged with.
  func finding(
    _ rule: RuleID, _ severity: Severity, _ confidence: Confidence, on channel: Channel, of owner: Owner, actor: Party,
    victim: Party, message: String, fix: String, world: World, tables: TraceTables, origins: Origins
  ) -> Finding {
    Finding(
      rule: rule, severity: severity, confidence: confidence, message: message, actor: actor, victim: victim,
      object: FindingObject(
        kind: channel.kind, id: channel.serial, creatorPid: world.process(of: channel.creator)?.pid, actorFD: fd,
        victimFD: owner.fd),
      count: count, first: first, last: last,
      evidence: origins.prologue(channel, process: self.actor, world: world, tables: tables) + evidence, fix: fix)
  }
}

/// The process that suffers from a use of its wakeup object, with what is known of it.
struct Owner {
  var process: ProcessID
  var fd: FD?
  var use: ChannelUse
  var keepsWriting: Bool
}

extension World {
  /// Starts the account of a foreign write; nil if this event is none.
  func foreignWrites(by event: Event) -> ForeignWrites? {
    guard effect.kind == .write, let channel = channel(effect.channel), let file = file(effect.file),
      let thread = thread(event.thread), effect.fd > 2, case .call(let syscall, _, _) = event.body
    else { return nil }
    switch channel.kind {
    case .pipe, .fifo, .eventfd, .socketpair: break
    default: return nil
    }
    guard isForeign(effect.channel, to: thread.process) else { return nil }
    let written: Side? = file.side == .first ? .second : file.side == .second ? .first : nil
    var readers: [ProcessID: (fd: FD, keepsWriting: Bool)] = [:]
    var writers = Set<ProcessID>()
    var actorReads = false
    var readersBlock = true
    for holder in holders(of: effect.channel) {
      let reads = written.map { holder.side == $0 } ?? (holder.side != .write)
      let writes = written.map { holder.side != $0 } ?? (holder.side != .read)
      if reads, holder.isNonblocking { readersBlock = false }
      if holder.process == thread.process {
        actorReads = actorReads || reads
      } else {
        if writes { writers.insert(holder.process) }
        if reads, readers[holder.process] == nil { readers[holder.process] = (holder.fd, false) }
      }
    }
    return ForeignWrites(
      channel: channel.serial, kind: channel.kind, actor: thread.process, thread: event.thread, fd: effect.fd,
      call: syscall,
      first: event.entered, last: event.exited,
      readers: readers.map {
        ($0.key, $0.value.fd, writers.contains($0.key), isWaiting($0.key, on: effect.channel, at: written ?? .read))
      }.sorted { $0.process < $1.process },
      actorOnlyWrites: !actorReads, isNonblocking: file.nonblocking && !readersBlock)
  }

  /// The process whose loop waits on the channel and went on doing so after the writes began: the nearest ancestor of the
  /// writer, else any other.
  func owner(of channel: Channel, harmedBy writes: ForeignWrites) -> Owner? {
    var best: (owner: Owner, isAncestor: Bool)?
    for use in channel.uses where use.process != writes.actor && use.waitsForInput {
      let reader = writes.readers.first { $0.process == use.process }
      guard let reader, reader.isWaiting || use.lastInputUse >= writes.first || use.lastWait >= writes.first else {
        continue
      }
      let isAncestor = descends(writes.actor, from: use.process)
      if let best, best.isAncestor || !isAncestor { continue }
      best = (
        Owner(process: use.process, fd: reader.fd, use: use, keepsWriting: reader.keepsWriting), isAncestor
      )
    }
    return best?.owner
  }

  /// Whether some thread of the process is inside a wait or read at that end of the channel.
  func isWaiting(_ id: ProcessID, on slot: Int32, at side: Side) -> Bool {
    guard slot >= 0 else { return false }
    let isPair = channels[Int(slot)].kind == .socketpair
    func reads(_ file: Int32) -> Bool {
      guard file >= 0, files[Int(file)].channel == slot else { return false }
      let held = files[Int(file)].side
      return held != .write && (!isPair || held == side)
    }
    for thread in threads(of: id) {
      guard let call = openCall(of: thread) else { continue }
      switch call.operation {
      case .wait(let wait):
        if wait.isEpoll {
          guard let instance = file(descriptor(wait.epoll, of: thread).file) else { continue }
          if instance.interest.entries.contains(where: { $0.events.contains(.input) && reads($0.file) }) { return true }
        } else if openWaits(of: thread).contains(where: {
          $0.fd >= 0 && $0.asked.contains(.input) && reads(descriptor($0.fd, of: thread).file)
        }) {
          return true
        }
      case .transfer(let transfer) where transfer.direction == .input:
        if reads(descriptor(transfer.fd, of: thread).file) { return true }
      default: break
      }
    }
    return false
  }

  /// The owner as a finding's victim. `since`: the fork that the finding is about.
  func victim(_ owner: Owner, since fork: Nanoseconds, _ tables: TraceTables) -> Party {
    let thread = owner.use.lastWaiter == .unknown ? nil : owner.use.lastWaiter
    return party(
      owner.process, thread: thread, execed: (process(owner.process)?.lastExec ?? 0) > fork, tables)
  }
}

/// What the bytes of a channel look like.
enum ChannelShape {
  /// Wakeups carry no message: one byte, or the eight of a counter. More is data.
  private static let longestWakeup: UInt64 = 8

  /// Whether what is written says nothing but "wake up": a counter, or always the same few bytes.
  static func isWakeup(_ channel: Channel) -> Bool {
    if channel.kind == .eventfd { return !channel.isSemaphore }
    let shape = channel.payloads
    return shape.longest == 0 || shape.longest <= longestWakeup && shape.constant != nil
  }

  /// Whether the owner put single bytes in before it first waited for any, and all readers take one by one: a pool of tokens.
  static func isFilledAhead(_ channel: Channel, by owner: ChannelUse) -> Bool {
    channel.kind != .eventfd && channel.payloads.longest == 1 && owner.ownWrites > 0
      && owner.firstWrite < owner.firstWait
      && channel.uses.allSatisfy { $0.drainingReads == 0 } && channel.uses.contains { $0.reads > 0 }
  }
}

/// Words for the object.
public enum ObjectWords {
  public static func noun(_ kind: ObjectKind) -> String {
    switch kind {
    case .pipe, .fifo: "pipe"
    case .eventfd: "eventfd"
    case .socketpair: "socketpair"
    case .unknown: "kind unknown"
    default: "\(kind)"
    }
  }

  /// How much was written, in the object's own unit.
  static func amount(_ writes: ForeignWrites) -> String {
    if writes.kind == .eventfd { return writes.count == 1 ? "once" : counted(writes.count, "time") }
    let bytes = counted(writes.bytes, "byte")
    return writes.count == 1 ? bytes : "\(bytes) in \(counted(writes.count, "write"))"
  }
}
