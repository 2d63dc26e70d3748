// The kernel's descriptor world, replayed from events: the one model that the recorder decides by and the rules watch.

import Trace

/// A descriptor that a wait returned as ready, resolved to what it meant at that moment.
public struct Ready: Sendable {
  public var fd: FD
  /// Slot in `World.files`, or -1 where the number is closed or unknown.
  public var file: Int32
  /// Slot in `World.channels`, or -1.
  public var channel: Int32
  public var asked: Readiness
  public var returned: Readiness
  /// Edge-triggered or one-shot: the wait itself consumed it.
  public var isEdge: Bool
  /// The thread itself had asked for it anew since it was told last: epoll_ctl(EPOLL_CTL_MOD) looks at the file as if nothing had been
  /// told of it yet (Linux 6.1, fs/eventpoll.c, ep_modify).
  public var isRearmed = false
  /// The entry outlived its number: the fd no longer means this open file here.
  public var isGhost: Bool
  /// The calls that would consume it are seen: if there are none in the trace, there were none.
  public var isSeen: Bool
  /// Of an entry of an epoll instance that nobody saw made: which descriptor it is, nobody knows.
  public var isUnnamed = false

  /// Told once, until something new happens: that it is told is all that there is to consume.
  @inlinable public var isNews: Bool { isEdge && !isRearmed }

  /// The calls that consume a readiness: only writes end OUT alone.
  @inlinable public static func consumers(of returned: Readiness) -> CallFamilies {
    if returned.contains(.invalid) { return [] }
    if returned == .output { return .writes }
    return returned.contains(.output) ? [.reads, .writes] : .reads
  }
}

/// A process that has a descriptor of a channel.
public struct Holder: Sendable {
  public var process: ProcessID
  public var fd: FD
  public var side: Side
  public var isNonblocking: Bool
}

/// A call that never returned, since its thread ended in it.
public struct AbandonedCall: Sendable {
  public var thread: ThreadID
  /// The slot that its thread had among the living.
  public var slot: Int32
  public var since: Nanoseconds
  public var syscall: Syscall
  public var place: CallPlace
  /// Where the thread stood in it.
  public var stack = StackID.none

  public init(thread: ThreadID, slot: Int32, since: Nanoseconds, syscall: Syscall, place: CallPlace) {
    self.thread = thread
    self.slot = slot
    self.since = since
    self.syscall = syscall
    self.place = place
  }
}

/// What a call waits on: its descriptor, or the first of a wait set and how many others there are.
public struct CallPlace: Hashable, Sendable {
  public var syscall: Syscall
  /// -1 for none.
  public var fd: FD
  public var kind: ObjectKind?
  public var others: Int
}

/// What the last applied event did to a channel.
public struct Effect: Sendable {
  /// `peek`: looked at without being taken. `empty`: EAGAIN. `clear`: readiness was reset without a read.
  public enum Kind: Sendable { case none, read, peek, write, wait, accept, endOfFile, empty, clear }

  public var kind = Kind.none
  /// Slots in `World.files` and `World.channels`; -1 for none.
  public var file: Int32 = -1
  public var channel: Int32 = -1
  public var fd: FD = -1
}

/// What the last event did to an epoll instance's interest list.
public struct InterestChange: Sendable {
  /// The instance's slot in `World.files`.
  public var epoll: Int32
  /// The entry as it was; nil if it was not there.
  public var former: EpollEntry?
  /// The entry as it is; nil if it is gone.
  public var entry: EpollEntry?
}

/// Descriptors that a message brought.
public struct Arrival: Sendable {
  public var sender: ThreadID
  /// When the call that sent it returned.
  public var sent: Nanoseconds
  /// The sender's numbers, and the receiver's.
  public var from: [FD]
  public var to: [FD]
}

/// A number that the last event's call closed, or gave to another open file.
public struct ReleasedNumber: Sendable {
  public var fd: FD
  /// What it meant: slot and serial in `World.files`, and the channel's. The slots may be free by now (`isLast`).
  public var file: Int32
  public var serial: UInt32
  public var channel: Int32
  public var kind: ObjectKind
  public var side: Side
  /// It was the open file's last descriptor.
  public var isLast: Bool
  /// What its process did with the channel.
  public var use: ChannelUse?
  /// An epoll instance had it under this number.
  public var isWatched: Bool
}

/// Threads, processes, descriptor tables, open files and channels, at the time of the last event.
///
/// Releases take effect when a call begins, acquisitions when it has returned (a begin and an end tell the two apart;
/// a whole call is both at once), and a read may draw on writes that have begun.
public struct World: Sendable {
  public internal(set) var threads = Paged<ThreadState>()
  public internal(set) var processes = Paged<ProcessState>()
  /// How many there have been.
  public internal(set) var threadCount = 0
  public internal(set) var processCount = 0
  public internal(set) var tables: [FDTable] = []
  public internal(set) var files: [OpenFile] = []
  public internal(set) var channels: [Channel] = []
  /// By process: its threads, as long as it lives, and what the tracer sees of it.
  var members = Paged<[ThreadID]>()
  var sights = Paged<Sight>()
  /// All argv's, one after the other.
  var arguments: [StringID] = []
  /// The processes that live, ascending.
  public internal(set) var living: [ProcessID] = []
  var work: ContiguousArray<ThreadWork> = []
  var handlers: [HandlerTable] = []
  var freeWork: [Int] = []
  var freeTables: [Int] = []
  var freeFiles: [Int32] = []
  var freeChannels: [Int32] = []
  var freeHandlers: [Int] = []
  var fileSerial: UInt32 = 0
  var channelSerial: UInt32 = 0
  /// Channels that have an identity outside of their descriptors (pipes, fifos and sockets), by kind and inode.
  var channelsByInode: [InodeKey: Int32] = [:]
  /// Whether open files keep the story of their descriptors.
  public let keepsHistory: Bool
  /// Open files that have no descriptor any more, with their stories; only when history is kept.
  public internal(set) var closedFiles: [OpenFile] = []
  public internal(set) var now: Nanoseconds = 0
  public internal(set) var root: ProcessID?
  /// Holders of traced channels that are not traced themselves, as they were when the trace began.
  public internal(set) var outsiders: [Outsider] = []

  /// What sockets were bound to, those that are closed by now included.
  var boundAddresses: Set<StringID> = []
  public var hasBound: Bool { !boundAddresses.isEmpty }
  public func isBound(_ address: StringID) -> Bool { boundAddresses.contains(address) }

  /// Whether the last event may have left something of the following.
  private var hasLeft = false
  /// What the last event did: the channel that it touched, the segments that a read took, and what a wait returned.
  public internal(set) var effect = Effect()
  /// The write at the far side of a splice or sendfile, whose read is `effect`.
  public internal(set) var farEffect = Effect()
  public internal(set) var taken: [Segment] = []
  public internal(set) var ready: [Ready] = []
  public internal(set) var interestChange: InterestChange?
  /// Whether O_NONBLOCK was on before the last call that set it.
  public internal(set) var formerNonblocking = false
  /// Numbers that the last event's close or dup took away.
  public internal(set) var released: ContiguousArray<ReleasedNumber> = []
  /// Messages with descriptors that the last event's call took.
  public internal(set) var arrivals: [Arrival] = []
  /// Calls that threads were inside of when the last event ended them.
  public internal(set) var abandoned: [AbandonedCall] = []
  /// Channels whose last descriptor the last event closed, as they were.
  public internal(set) var goneChannels: [Channel] = []

  struct InodeKey: Hashable, Sendable {
    var kind: ObjectKind
    var inode: UInt64
  }

  /// Whether threads and processes that have ended are kept to the trace's end: for who judges all of it at once.
  public let keepsDead: Bool
  /// Threads that were forgotten since somebody last asked.
  var forgotten: [ThreadID] = []
  /// Processes that have ended and are still to be forgotten, in that order.
  var departed: ContiguousArray<ProcessID> = []
  /// So long they are not, in ns: a child that a process has made may be heard of after its end.
  static let mourning: Nanoseconds = 10_000_000_000

  public init(keepsHistory: Bool = false, keepsDead: Bool = true) {
    self.keepsHistory = keepsHistory
    self.keepsDead = keepsDead
  }

  // MARK: Looking

  /// The descriptor as the thread sees it.
  @inlinable @inline(__always) public func descriptor(_ fd: FD, of id: ThreadID) -> Descriptor {
    guard let thread = threads[id.position], thread.table < tables.count else {
      return .free
    }
    return tables[thread.table][fd]
  }

  @inlinable public func file(_ slot: Int32) -> OpenFile? { slot >= 0 ? files[Int(slot)] : nil }
  @inlinable public func channel(_ slot: Int32) -> Channel? { slot >= 0 ? channels[Int(slot)] : nil }

  /// Whether `process` is a descendant of `ancestor`.
  public func descends(_ process: ProcessID, from ancestor: ProcessID) -> Bool {
    var current = parent(of: process)
    while let next = current {
      if next == ancestor { return true }
      current = parent(of: next)
    }
    return false
  }

  /// The disposition of a signal and who installed it.
  public func handler(of signal: Int32, in id: ProcessID) -> (disposition: SignalDisposition, installer: ProcessID)? {
    guard let process = process(id) else { return nil }
    let entry = handlers[process.handlers][signal]
    return (entry.disposition, entry.installer)
  }

  // MARK: Moving

  /// Applies the next event of the trace.
  public mutating func apply(_ event: Event, arena: Arena, tables: TraceTables) {
    let time = event.time
    if time > now { now = time }
    if hasLeft { forget() }
    guard case .call(let syscall, let result, let operation) = event.body else {
      happened(event, arena: arena, tables: tables)
      return
    }
    guard processID(of: event.thread) != nil else { return }
    let slot = workSlot(of: event.thread)
    if event.phase == .whole {
      // Most calls: nothing was known of it before.
      if slot >= 0, work[slot].returnedFrame != nil { work[slot].noteCall(operation, repeats: event.repeats) }
      if !result.failed { enter(event, operation) }
    } else if event.phase == .begin {
      begin(event, syscall, operation, slot: slot, arena: arena)
      return
    }
    leave(event, result, operation, slot: slot, arena: arena)
    // It may have ended its own thread meanwhile, or given it another slot (exec).
    let slotNow = workSlot(of: event.thread)
    if slotNow >= 0 { work[slotNow].noteReturn(event, syscall, operation) }
  }

  /// What the last event did is forgotten.
  private mutating func forget() {
    hasLeft = false
    effect = Effect()
    farEffect = Effect()
    if !taken.isEmpty { taken.removeLast(taken.count) }
    if !ready.isEmpty { ready.removeLast(ready.count) }
    if !goneChannels.isEmpty { goneChannels.removeAll(keepingCapacity: true) }
    if !abandoned.isEmpty { abandoned.removeAll(keepingCapacity: true) }
    if interestChange != nil { interestChange = nil }
    if !released.isEmpty { released.removeAll(keepingCapacity: true) }
    if !arrivals.isEmpty { arrivals.removeAll() }
  }

  /// Applies what is no call.
  private mutating func happened(_ event: Event, arena: Arena, tables: TraceTables) {
    hasLeft = true
    switch event.body {
    case .start(let start):
      begin(event.thread, start, at: event.time, tables: tables)
      return
    case .existingThread(let found):
      begin(event.thread, found, at: event.time, arena: arena, tables: tables)
      return
    default: break
    }
    guard processID(of: event.thread) != nil else { return }
    let slot = workSlot(of: event.thread)
    switch event.body {
    case .start, .existingThread, .running, .counter, .call: break
    case .stack(let stack, let isOfCall): if slot >= 0, isOfCall { work[slot].openCall?.stack = stack }
    case .scope(let scope): setScope(scope, of: event.thread)
    case .armed(let calls, let first, let last): arm(calls, first, last, of: event.thread)
    case .lockedBy(let tid): if slot >= 0 { work[slot].lockedBy = tid }
    case .end(let status): finish(event.thread, status: status, at: event.time)
    case .signal(let delivery): deliver(delivery, to: event)
    case .handlerLeft(let signal):
      if slot >= 0, let place = work[slot].frames.lastIndex(where: { $0.signal == signal }) {
        work[slot].frames.removeSubrange(place...)
      }
    case .usage(let running, let waiting): noteUsage(running, waiting, of: event.thread)
    case .existing(let descriptor):
      adopt(descriptor, by: event.thread, at: event.time)
      if descriptor.kind == .socket { noteConnection(descriptor, by: event.thread, tables: tables) }
    case .blindSpot(let spot, _):
      if spot == .ioUring, let process = processID(of: event.thread) { processes[process.position]!.usesRing = true }
    case .name(let name): threads[event.thread.position]!.name = name
    case .givenName(.thread, let name): threads[event.thread.position]!.givenName = name
    case .givenName(.process, let name):
      if let process = processID(of: event.thread) { processes[process.position]!.givenName = name }
    case .missing(let fd): release(fd, by: event.thread, at: event.time, .released)
    case .interest(let epoll, let fd, let events, let data):
      // Every process that has the instance shows the same list, and which of them made an entry is not known.
      let op: Int32 = isWatched(fd, by: epoll, of: event.thread) ? 3 : 1
      watch(
        epoll: epoll, op: op, fd: fd, events: events, data: data, by: event.thread, at: event.time, isFound: true)
    case .handlers(let caught, let ignored, let installer):
      noteHandlers(caught: caught, ignored: ignored, by: installer, of: event.thread)
    case .outsider(let outsider): if outsiders.count < 65536 { outsiders.append(outsider) }
    }
  }

  /// A call begins that goes on for a while. `slot`: the thread's in `work`.
  private mutating func begin(
    _ event: Event, _ syscall: Syscall, _ operation: Operation, slot: Int, arena: Arena
  ) {
    guard slot >= 0 else { return }
    work[slot].noteCall(operation, repeats: event.repeats)
    work[slot].openCall = OpenCall(
      since: event.entered, syscall: syscall, operation: operation, stack: event.stack)
    enter(event, operation)
    switch operation {
    case .transfer(let transfer) where transfer.direction == .output && !transfer.positioned:
      let file = descriptor(transfer.fd, of: event.thread).file
      let isCounter = file >= 0 && files[Int(file)].kind == .eventfd
      let count = isCounter ? Self.counterValue(arena.bytes(transfer.payload)) : transfer.requested
      beginWrite(to: transfer.fd, count: count, by: event.thread)
    case .move(_, let to, let requested, _): beginWrite(to: to, count: requested, by: event.thread)
    case .wait(let wait):
      work[slot].openWaits.removeLast(work[slot].openWaits.count)
      work[slot].openWaits.append(contentsOf: arena.waits(wait.entries))
      noteWaits(wait, by: event.thread, from: event.entered, to: event.entered, repeats: 0, arena: arena)
    default: break
    }
  }

  /// What takes effect when a call begins, and does not fail: releases.
  @inline(__always)
  private mutating func enter(_ event: Event, _ operation: Operation) {
    switch operation {
    case .close(let fd):
      hasLeft = true
      release(fd, by: event.thread, at: event.entered, .released)
    // CLOSE_RANGE_UNSHARE makes the table its own first.
    case .closeRange(let first, let last, let flags) where flags & 2 == 0:
      hasLeft = true
      closeRange(first, last, flags, by: event.thread, at: event.entered)
    case .epollControl(let epoll, 2, let fd, _, _):
      hasLeft = true
      unwatch(epoll: epoll, fd: fd, by: event.thread)
    default: break
    }
  }

  /// What takes effect when a call has returned.
  @inline(__always)
  private mutating func leave(
    _ event: Event, _ result: CallResult, _ operation: Operation, slot: Int, arena: Arena
  ) {
    let thread = event.thread
    hasLeft = true
    switch operation {
    case .transfer(let transfer): self.transfer(transfer, result, event, arena: arena)
    case .wait(let wait): returned(wait, result, event, arena: arena)
    case .accept(let listener, let flags): accepted(listener, flags, result, event)
    case .move(let from, let to, _, let consumes): moved(from, to, result, consumes, event)
    case .shutdown(let fd, let how): if result.succeeded { shutDown(fd, how: how, by: thread, at: event.exited) }
    case .close(let fd): if event.phase == .end { stampFree(fd...fd, of: thread, at: event.exited) }
    case .closeRange(let first, let last, let flags) where flags & 2 != 0 && result.succeeded:
      closeRange(first, last, flags, by: thread, at: event.exited)
    case .closeRange(let first, let last, _) where event.phase == .end && result.succeeded && first <= last:
      stampFree(
        FD(truncatingIfNeeded: min(first, 1 << 20))...FD(truncatingIfNeeded: min(last, 1 << 20)), of: thread,
        at: event.exited)
    case .signalReturn:
      if slot >= 0, let frame = work[slot].frames.popLast() { work[slot].returnedFrame = (frame, 0) }
    case .connect(let fd, let address):
      // EINPROGRESS: connected as far as the model is concerned; a failure shows at the next use.
      if result.succeeded || result.errno == 115 {
        withFile(fd, of: thread) {
          $0.name = address
          $0.isConnection = $0.isStream
        }
      }
    default:
      guard result.succeeded else { return }
      acquire(event, result, operation, arena: arena)
    }
  }
}
