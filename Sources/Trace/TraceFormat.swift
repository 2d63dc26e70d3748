// The constants of the .flt file; docs/trace-format.md is its description.

public enum TraceFormat {
  /// The version that this code writes. It moves with every change of a record's meaning; earlier ones stay readable.
  public static let version = 6
  /// The first eight bytes. Like PNG's, they show at once what a text-mode transfer did to the file.
  static let magic: [UInt8] = [0x89, 0x46, 0x4C, 0x54, 0x0D, 0x0A, 0x1A, 0x0A]
  static let fileHeaderSize = 64
  static let flagsOffset = 24
  static let chunkMagic: UInt32 = 0x4B48_4346  // "FCHK"
  static let chunkHeaderSize = 48
  /// The most a chunk's body holds.
  static let chunkCapacity = 65536
  static let indexMagic: UInt32 = 0x5844_4946  // "FIDX"
  static let trailerMagic: UInt64 = 0x0A44_4E45_544C_4689  // \x89FLTEND\n
  static let trailerSize = 16
  /// The unit of times in records, in ns. A tracer's own work takes a hundred times as long, so nothing is lost by it.
  static let tick: Nanoseconds = 100
  /// No moment is later, in ns (36 years), and no sum of times that a file tells greater than 16 such; nor are there more calls or events
  /// (as many as one each microsecond makes in centuries). What goes beyond is damage: so whoever adds up need not fear an overflow.
  static let latest: Nanoseconds = 1 << 60
  static let mostCalls: UInt64 = 1 << 53
  /// How many numbers of texts or threads may be left out, all in all: tables have a place for each.
  static let mostSkipped = 4096
  /// Threads with a higher number have no `callReturn`, so that a reader can keep begins in a table.
  static let mostBegun = 1 << 20
  /// Wait sets and payloads beyond these sizes are cut, so that any record fits a chunk.
  public static let longestWaitSet = 2048
  public static let longestPayload = 4096
  public static let longestString = 16384
  public static let longestNumberList = 1024
  /// The most frames of a kind that a stack has.
  public static let longestStack = 1024
  /// The most functions that one frame stands for.
  public static let mostInlined = 16
}

/// A chunk's header, 48 bytes, little-endian.
struct ChunkHeader {
  var sealed: Bool
  /// How many bytes of the body are valid.
  var length: UInt32
  /// CRC-32 (zlib's) of the body; holds once sealed.
  var checksum: UInt32
  /// How many events it holds (definitions not counted); holds once sealed.
  var events: UInt32
  var firstTime: UInt64
  var lastTime: UInt64
  /// The sequence number of its first event.
  var firstSequence: UInt64

  static let lengthOffset = 8

  func write(into writer: inout ByteWriter) {
    writer.fixed(TraceFormat.chunkMagic)
    writer.fixed(UInt32(sealed ? 1 : 0))
    writer.fixed(length)
    writer.fixed(checksum)
    writer.fixed(events)
    writer.fixed(UInt32(0))
    writer.fixed(firstTime)
    writer.fixed(lastTime)
    writer.fixed(firstSequence)
  }

  init(
    sealed: Bool, length: UInt32, checksum: UInt32, events: UInt32, firstTime: UInt64, lastTime: UInt64,
    firstSequence: UInt64
  ) {
    self.sealed = sealed
    self.length = length
    self.checksum = checksum
    self.events = events
    self.firstTime = firstTime
    self.lastTime = lastTime
    self.firstSequence = firstSequence
  }

  init(from reader: inout ByteReader) throws(TraceError) {
    guard try reader.fixed(UInt32.self) == TraceFormat.chunkMagic else {
      throw .damaged("no chunk where one should begin")
    }
    sealed = try reader.fixed(UInt32.self) & 1 == 1
    length = try reader.fixed(UInt32.self)
    checksum = try reader.fixed(UInt32.self)
    events = try reader.fixed(UInt32.self)
    _ = try reader.fixed(UInt32.self)
    firstTime = try reader.fixed(UInt64.self)
    lastTime = try reader.fixed(UInt64.self)
    firstSequence = try reader.fixed(UInt64.self)
    guard length <= TraceFormat.chunkCapacity else { throw .damaged("a chunk claims \(length) bytes") }
  }
}

/// A record's first byte: the kind in the low five bits, flags above.
enum RecordKind: UInt8 {
  case string = 1
  case thread = 2
  case callWhole = 3
  case callBegin = 4
  case callEnd = 5
  case start = 6
  case end = 7
  case signal = 8
  case handlerLeft = 9
  case usage = 10
  /// Version 1's form of `existing`, without `sameIn` and `waiting`.
  case existing1 = 11
  case blindSpot = 12
  case name = 13
  case existing = 14
  case existingThread = 15
  case missing = 16
  case interest = 17
  case handlers = 18
  case outsider = 19
  case running = 20
  case lockedBy = 21
  case scope = 22
  case armed = 23
  case counter = 24
  /// A `callEnd` whose begin is in the same chunk, and has told the entry.
  case callReturn = 25
  case module = 26
  case frame = 27
  case stackDefinition = 28
  case frameName = 29
  case stack = 30
  case givenName = 31

  static let mask: UInt8 = 0x1F
  /// A run: the event stands for several equal ones.
  static let repeated: UInt8 = 0x20
  /// The thread is that of the event before.
  static let sameThread: UInt8 = 0x40
  /// The call's body stands in the chunk already: its number follows.
  static let knownBody: UInt8 = 0x80

  var isCall: Bool {
    switch self {
    case .callWhole, .callBegin, .callEnd, .callReturn: true
    default: false
    }
  }
}

/// What is written once, at the file's head.
public struct TraceHeader: Sendable, Equatable {
  /// Wall-clock time at trace time 0, ns since 1970.
  public var started: UInt64
  /// The trace began after its programs did (attach, or a log that begins late).
  public var beganAfterStart: Bool
  /// What saw the events.
  public var source = TraceSource.flt
  /// Without it times count the lines of a log, `lineTime` each.
  public var isTimed = true
  /// The trace has grown to its limit, and ends there, while the programs went on.
  public var endsEarly = false
  /// The trace had grown to its limit, and what it held before its time 0 was let go: what stood then is told as what was there before.
  public var isContinuation = false
  public static let lineTime: Nanoseconds = 10_000

  /// A part of a log, as people paste it: what goes on all through it may be all that it shows.
  public var isExcerpt: Bool { source == .strace && beganAfterStart }
  public var version: Int

  public init(started: UInt64, beganAfterStart: Bool = false) {
    self.started = started
    self.beganAfterStart = beganAfterStart
    self.version = TraceFormat.version
  }

  init(started: UInt64, flags: UInt32, version: Int) {
    self.init(started: started, beganAfterStart: flags & 1 != 0)
    source = flags & 2 != 0 ? .strace : .flt
    isTimed = flags & 4 == 0
    endsEarly = flags & 8 != 0
    isContinuation = flags & 16 != 0
    self.version = version
  }

  var flags: UInt32 {
    (beganAfterStart ? 1 : 0) | (source == .strace ? 2 : 0) | (isTimed ? 0 : 4) | (endsEarly ? 8 : 0)
      | (isContinuation ? 16 : 0)
  }
}
