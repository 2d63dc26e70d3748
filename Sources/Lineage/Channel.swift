// Channels: what bytes, counts and readiness pass through, with an account of who put in what and who took it.

import Trace

/// Bytes (for an eventfd: counts) that one call wrote.
public struct Segment: Sendable {
  public var count: UInt64
  public var writer: ThreadID
  public var process: ProcessID
  /// The number that the writer knew the channel by.
  public var fd: FD
  /// When the write was entered, and when it had returned.
  public var time: Nanoseconds
  public var landed: Nanoseconds
  /// The event that wrote it.
  public var event: UInt64
  /// The signal in whose handler the write happened; 0 outside of one.
  public var signal: Int32
  /// Whether the writer had called exec since its fork.
  public var execed: Bool
}

/// Who ended a direction of a channel: closed its last descriptor, or shut it down.
public struct Closer: Sendable {
  public var thread: ThreadID
  public var process: ProcessID
  public var time: Nanoseconds
  /// Whether that process had called exec since its fork.
  public var execed: Bool
  public var byShutdown: Bool
}

/// The bytes of one direction, in the order in which they went in.
public struct ByteQueue: Sendable {
  /// How many segments are told apart; beyond that, neighbours by the same process become one.
  private static let longest = 4096

  /// What waits is segments[head..<tail]. What is beside that is storage for what comes: nothing is freed or made anew when
  /// the queue empties and fills.
  private var segments: ContiguousArray<Segment> = []
  private var head = 0
  private var tail = 0
  private var firsts: ContiguousArray<Segment> = []
  private var firstCount = 0
  private static let mostFirsts = 16
  public private(set) var unread: UInt64 = 0
  /// Of these, what was there before the trace and comes out first.
  public private(set) var before: UInt64 = 0
  /// How far it was ever written and read: in bytes, of datagrams in messages. What came with a message is found by it.
  private(set) var written: UInt64 = 0
  private(set) var taken: UInt64 = 0

  init() {}

  /// What waits to be read, oldest first.
  public var waiting: ArraySlice<Segment> { ArraySlice(segments[head..<tail]) }
  /// The oldest of what waits.
  public var next: Segment? { head < tail ? segments[head] : nil }
  /// The first write of each process since the queue was last empty: whose surplus keeps it ready.
  public var sinceEmpty: ArraySlice<Segment> { ArraySlice(firsts[..<firstCount]) }

  /// The first of `sinceEmpty` that is another process's, else the first.
  public func surplus(for process: ProcessID) -> Segment? {
    for place in 0..<firstCount where firsts[place].process != process { return firsts[place] }
    return firstCount > 0 ? firsts[0] : nil
  }

  /// Notes what waited when the trace began: nobody was seen to write it.
  mutating func found(_ count: UInt64) {
    before = count
    unread = count
  }

  /// So much waits there, as the kernel says: what is missing was taken unseen, the oldest first; what is more was put in unseen.
  mutating func correct(to count: UInt64) {
    if count < unread {
      var gone: [Segment] = []
      _ = take(unread - count, into: &gone)
    } else if count > unread {
      before &+= count - unread
      unread = count
    }
  }

  /// Moves the positions, whatever the account of bytes knows.
  mutating func passed(written: UInt64 = 0, taken: UInt64 = 0) {
    self.written &+= written
    self.taken &+= taken
  }

  mutating func append(_ segment: Segment) {
    if unread == 0 { firstCount = 0 }
    noteFirst(segment)
    unread &+= segment.count
    if tail - head >= Self.longest, segments[tail - 1].process == segment.process {
      segments[tail - 1].count &+= segment.count
      return
    }
    if tail < segments.count {
      segments[tail] = segment
    } else {
      segments.append(segment)
    }
    tail += 1
  }

  private mutating func noteFirst(_ segment: Segment) {
    guard firstCount < Self.mostFirsts else { return }
    for place in 0..<firstCount where firsts[place].process == segment.process { return }
    if firstCount < firsts.count {
      firsts[firstCount] = segment
    } else {
      firsts.append(segment)
    }
    firstCount += 1
  }

  /// Takes `count` bytes from the front and appends what they were to `taken`. Returns how many were missing, and
  /// whether the last write that was touched was taken only in part.
  mutating func take(_ count: UInt64, into taken: inout [Segment]) -> (missing: UInt64, split: Bool) {
    var rest = count
    var split = false
    let old = min(rest, before)
    before -= old
    unread &-= old
    rest -= old
    while rest > 0, head < tail {
      var part = segments[head]
      if part.count > rest {
        segments[head].count -= rest
        part.count = rest
        split = true
      } else {
        head += 1
      }
      rest -= part.count
      unread &-= part.count
      taken.append(part)
    }
    settle()
    return (rest, split)
  }

  /// What was taken makes room.
  private mutating func settle() {
    if head == tail {
      head = 0
      tail = 0
    } else if head > 1024, head * 2 > tail {
      segments.removeFirst(head)
      tail -= head
      head = 0
    }
  }

  /// Takes one whole message.
  mutating func takeMessage(into taken: inout [Segment]) {
    guard head < tail else { return }
    _ = take(segments[head].count, into: &taken)
  }

  mutating func takeAll(into taken: inout [Segment]) {
    _ = take(unread, into: &taken)
  }

  /// Forgets what must have been taken unseen: a read that was entered after these writes had returned found nothing.
  mutating func forget(landedBefore time: Nanoseconds) {
    unread &-= before
    before = 0
    while head < tail, segments[head].landed < time {
      unread &-= segments[head].count
      head += 1
    }
    settle()
  }
}

/// Open files under way with a message (SCM_RIGHTS).
struct PassingMessage: Sendable {
  /// The queue's `written` before the message: what is read from there on brings them.
  var position: UInt64
  var landed: Nanoseconds
  /// Slots of `World.files`, in the order in which they were sent.
  var files: [Int32]
  var sender: ThreadID
  /// The sender's numbers for these.
  var numbers: [FD]
}

/// A write that has begun and not returned: a read may take of it meanwhile.
struct BegunWrite: Sendable {
  var thread: ThreadID
  var fd: FD
  /// How much it can put in, at the most, and how much of that reads have taken.
  var requested: UInt64
  var credited: UInt64 = 0
}

/// A process that has given up an end of a channel: the last number of that side by which it was seen to have it.
public struct Leaver: Sendable {
  public var process: ProcessID
  public var thread: ThreadID
  public var fd: FD
  public var side: Side
  public var time: Nanoseconds
  public var kind: LineageStep.Kind
}

/// What one process did with a channel.
public struct ChannelUse: Sendable {
  public var process: ProcessID
  /// When a read last returned bytes, and when one first returned the end.
  public var lastBytes: Nanoseconds = 0
  public var sawEnd: Nanoseconds = .max
  /// The last read or wait that took a second or more: from when to when.
  public var lastBlock: (since: Nanoseconds, until: Nanoseconds) = (0, 0)
  /// How many other descriptors its last wait was about.
  public var company = 0
  /// Reads that returned bytes, and how many.
  public var reads: UInt64 = 0
  public var bytesRead: UInt64 = 0
  /// Reads that found nothing (EAGAIN).
  public var emptyReads: UInt64 = 0
  /// Reads that took a part of what one call had written: data with a structure.
  public var partialReads: UInt64 = 0
  /// Reads that asked for more than there was.
  public var drainingReads: UInt64 = 0
  public var writes: UInt64 = 0
  /// When its first write had returned.
  public var firstWrite: Nanoseconds = .max
  public var bytesWritten: UInt64 = 0
  public var lastWrite: Nanoseconds = 0
  /// Those of the writes that feed the second end of a socketpair.
  public var writesBack: UInt64 = 0
  /// Times that the channel was part of a wait set (poll, select), or was added to an epoll instance.
  public var waits: UInt64 = 0
  public var firstWait: Nanoseconds = .max
  public var lastWait: Nanoseconds = 0
  /// The last time that it was read or waited for.
  public var lastInputUse: Nanoseconds = 0
  /// Whether it was ever asked about for input.
  public var waitsForInput = false
  /// The thread that waited for or read it last.
  public var lastWaiter: ThreadID = .unknown
  /// The side of a socketpair at which it reads or waits.
  public var inputSide: Side = .both

  public init(process: ProcessID) { self.process = process }

  /// Writes that the process itself would read.
  public var ownWrites: UInt64 { inputSide == .second ? writesBack : writes - writesBack }
}

/// What writes into a channel look like; those of signal handlers apart, which carry the signal's number.
public struct PayloadShape: Sendable {
  /// Sizes of writes, in bytes.
  public var shortest: UInt64 = .max
  public var longest: UInt64 = 0
  /// The first write's leading bytes, while all others had the same.
  public var constant: [UInt8]?
  private var seen = false

  mutating func note(_ payload: ArraySlice<UInt8>, count: UInt64) {
    shortest = min(shortest, count)
    longest = max(longest, count)
    if !seen {
      seen = true
      constant = Array(payload)
    } else if constant != nil, !isConstant(payload) {
      constant = nil
    }
  }
}

extension PayloadShape {
  private func isConstant(_ payload: ArraySlice<UInt8>) -> Bool {
    guard let constant, constant.count == payload.count else { return false }
    for place in constant.indices where constant[place] != payload[payload.startIndex + place] { return false }
    return true
  }
}

/// One channel.
public struct Channel: Sendable {
  /// Its number in this trace, from 1; never reused. This is the `id` of an object in findings.
  public var serial: UInt32
  /// Its slot in `World.channels`; used again when it is gone.
  public internal(set) var slot: Int32 = -1
  public var kind: ObjectKind
  public var inode: UInt64
  public var creator: ThreadID
  public var created: Nanoseconds
  /// It existed before the trace, so bytes may wait in it that nobody was seen to write.
  public var predates = false
  /// Some process had an end of it on a number whose reads, or writes, the tracer does not see: the account of bytes may be wrong.
  public internal(set) var hasUnseenReads = false
  public internal(set) var hasUnseenWrites = false
  /// EFD_SEMAPHORE: each read takes one.
  public var isSemaphore = false
  public var isDatagram = false
  /// What flows to readers of a pipe or eventfd, or to the first end of a socketpair.
  public internal(set) var queue = ByteQueue()
  /// What flows to the second end of a socketpair.
  public internal(set) var backQueue = ByteQueue()
  public internal(set) var uses: [ChannelUse] = []
  public internal(set) var payloads = PayloadShape()
  /// Open files that hold a read or write end.
  public internal(set) var readers = 0
  public internal(set) var writers = 0
  /// Who closed the last write end (of a socketpair: either end), and when.
  public internal(set) var hungUp: Closer?
  /// Who has given up an end while others kept theirs, each process once for a side; the latest of very many.
  public internal(set) var leavers: [Leaver] = []
  /// Who closed the last read end, so that writers get POLLERR and EPIPE.
  public internal(set) var unheard: Closer?
  /// Writes whose result is not known yet.
  var begun: [BegunWrite] = []
  /// Open files under way in messages: to readers of the queue, and of a socketpair's back queue.
  var passing: [PassingMessage] = []
  var passingBack: [PassingMessage] = []
  /// Open files that refer to this channel; 0 for a free slot.
  public internal(set) var files = 0

  public func use(by process: ProcessID) -> ChannelUse? { uses.first { $0.process == process } }

  /// Whether a reader at one side takes what a reader at the other would: always, but for the two ends of a socketpair.
  public func isSameInput(_ one: Side, _ other: Side) -> Bool { kind != .socketpair || one == other }

  /// The threads whose writes have begun and not returned, oldest first, and the numbers that they write to.
  public var writing: [(thread: ThreadID, fd: FD)] { begun.map { ($0.thread, $0.fd) } }

  /// The queue that a reader at `side` reads.
  public func incoming(at side: Side) -> ByteQueue { side == .second ? backQueue : queue }

  /// Whether something waits for a reader at `side`.
  func hasUnread(at side: Side) -> Bool { (side == .second ? backQueue.unread : queue.unread) > 0 }
}
