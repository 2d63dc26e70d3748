// The one reader of .flt files: chunk by chunk, in memory that does not grow with the file, and as far as the file goes.

import CZlib
import SystemPackage

/// A batch of events in file order, with their variable parts.
public struct EventBatch: Sendable {
  public var events: [Event] = []
  public var arena = Arena()

  public init() {}
}

/// The tables that a trace's ids point into; they grow as definitions are read.
public struct TraceTables: Sendable {
  /// Texts as the target had them: any bytes.
  public private(set) var strings: [[UInt8]] = [[]]
  public private(set) var threads = Paged<ThreadRecord>()
  /// One more than the highest number of a thread.
  public private(set) var threadCount = 0
  public private(set) var modules: [ModuleRecord] = []
  public private(set) var frames: [FrameRecord] = []
  public private(set) var stacks: [StackRecord] = []
  /// What the trace itself calls native frames; several where functions were inlined, the innermost first.
  public private(set) var frameNames: [FrameID: [FrameName]] = [:]
  /// Texts and threads that were left out.
  private var skipped = 0

  public init() {}

  /// The text of an id, invalid UTF-8 replaced; empty for an id that was never defined.
  public func text(_ id: StringID) -> String {
    id.position < strings.count ? String(decoding: strings[id.position], as: UTF8.self) : ""
  }

  /// The bytes of an id, as the target had them.
  public func bytes(_ id: StringID) -> [UInt8] { id.position < strings.count ? strings[id.position] : [] }

  public func thread(_ id: ThreadID) -> ThreadRecord? {
    threads[id.position]
  }

  /// Nothing names the thread any more.
  public mutating func forget(_ id: ThreadID) { threads.forget(id.position) }

  public mutating func define(_ id: StringID, _ text: [UInt8]) throws(TraceError) {
    guard skip(to: id.position, from: strings.count) else { throw .damaged("a text has the id \(id.position)") }
    while strings.count <= id.position { strings.append([]) }
    strings[id.position] = text
  }

  public func module(_ id: ModuleID) -> ModuleRecord? {
    id.position < modules.count ? modules[id.position] : nil
  }

  public func frame(_ id: FrameID) -> FrameRecord? { id.position < frames.count ? frames[id.position] : nil }

  public func stack(_ id: StackID) -> StackRecord? { id.position < stacks.count ? stacks[id.position] : nil }

  /// Definitions of stacks and their parts come one after the other.
  public mutating func define(_ definition: StackDefinition) throws(TraceError) {
    switch definition {
    case .module(let id, let record):
      guard id.position == modules.count else { throw .damaged("a module has the id \(id.position)") }
      modules.append(record)
    case .frame(let id, let record):
      guard id.position == frames.count else { throw .damaged("a frame has the id \(id.position)") }
      frames.append(record)
    case .stack(let id, let record):
      guard id.position == stacks.count else { throw .damaged("a stack has the id \(id.position)") }
      stacks.append(record)
    case .name(let id, let names):
      guard id.position < frames.count else { throw .damaged("names of the frame \(id.position), which is not known") }
      frameNames[id] = names
    }
  }

  /// Ids are dense: one that skips far ahead is damage, and must not make us allocate, nor may many that skip a little.
  private mutating func skip(to position: Int, from count: Int) -> Bool {
    guard position > count else { return true }
    guard position - count <= TraceFormat.mostSkipped - skipped else { return false }
    skipped += position - count
    return true
  }

  public mutating func define(_ id: ThreadID, _ record: ThreadRecord) throws(TraceError) {
    guard skip(to: id.position, from: threadCount) else { throw .damaged("a thread has the id \(id.position)") }
    // There are no more processes than threads.
    guard record.process.position <= max(id.position, threadCount) + TraceFormat.mostSkipped else {
      throw .damaged("a process has the id \(record.process.position)")
    }
    threadCount = max(threadCount, id.position + 1)
    threads[id.position] = record
  }
}

/// Reads a trace from its first chunk to its last.
public final class TraceReader: EventSource {
  public let path: String
  public let header: TraceHeader
  public private(set) var tables = TraceTables()
  /// Whether the writer finished the file. Known from the start.
  public let isComplete: Bool
  /// What ended the reading before the file's end, if anything did.
  public private(set) var damage: TraceError?
  /// How far reading has come, 0 to 1.
  public var progress: Double { size > 0 ? min(1, Double(offset) / Double(size)) : 1 }

  private let descriptor: FileDescriptor
  private let size: Int
  private let end: Int
  private var offset = TraceFormat.fileHeaderSize
  private var sequence: UInt64 = 0
  private var body: [UInt8] = []
  private var decoder: ChunkDecoder

  public init(path: String) throws(TraceError) {
    self.path = path
    let descriptor: FileDescriptor
    do {
      descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
      size = Int(try descriptor.seek(offset: 0, from: .end))
    } catch let errno as Errno {
      throw .unreadable(path: path, errno: errno.rawValue)
    } catch {
      throw .unreadable(path: path, errno: Errno.ioError.rawValue)
    }
    self.descriptor = descriptor
    do throws(TraceError) {
      let head = try Self.read(descriptor, at: 0, count: TraceFormat.fileHeaderSize, path: path)
      header = try Self.header(head, path: path)
      decoder = ChunkDecoder(version: header.version)
      let trailer = Self.trailer(descriptor, size: size, path: path)
      isComplete = trailer != nil
      end = trailer ?? size
    } catch {
      try? descriptor.close()
      throw error
    }
  }

  deinit { try? descriptor.close() }

  /// Whether the file begins as a trace does; false for one that cannot be read.
  public static func recognises(path: String) -> Bool {
    guard let descriptor = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec) else {
      return false
    }
    defer { try? descriptor.close() }
    let head = try? read(descriptor, at: 0, count: TraceFormat.magic.count, path: path)
    return head == TraceFormat.magic
  }

  private static func header(_ bytes: [UInt8], path: String) throws(TraceError) -> TraceHeader {
    guard bytes.count >= TraceFormat.fileHeaderSize, Array(bytes.prefix(8)) == TraceFormat.magic else {
      throw .notATrace(path: path)
    }
    let fields = try bytes.reading { (reader) throws(TraceError) in
      _ = try reader.fixed(UInt64.self)
      let version = try reader.fixed(UInt32.self)
      _ = try reader.fixed(UInt32.self)
      return (version: Int(version), started: try reader.fixed(UInt64.self), flags: try reader.fixed(UInt32.self))
    }
    guard fields.version >= 1 else { throw .notATrace(path: path) }
    guard fields.version <= TraceFormat.version else { throw .laterVersion(path: path, version: fields.version) }
    return TraceHeader(started: fields.started, flags: fields.flags, version: fields.version)
  }

  /// Where the index begins, if the file ends as a finished one does.
  private static func trailer(_ descriptor: FileDescriptor, size: Int, path: String) -> Int? {
    guard size >= TraceFormat.fileHeaderSize + TraceFormat.trailerSize,
      let bytes = try? read(
        descriptor, at: size - TraceFormat.trailerSize, count: TraceFormat.trailerSize, path: path)
    else { return nil }
    let fields = try? bytes.reading { (reader) throws(TraceError) in
      (start: try reader.fixed(UInt64.self), magic: try reader.fixed(UInt64.self))
    }
    guard let start = fields?.start, fields?.magic == TraceFormat.trailerMagic,
      start >= UInt64(TraceFormat.fileHeaderSize), start < UInt64(size)
    else { return nil }
    return Int(start)
  }

  private static func read(
    _ descriptor: FileDescriptor, at offset: Int, count: Int, path: String
  ) throws(TraceError) -> [UInt8] {
    do {
      var filled = 0
      var failed: (any Error)?
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        while filled < count {
          do {
            let part = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
            let got = try descriptor.read(fromAbsoluteOffset: Int64(offset + filled), into: part)
            if got == 0 { break }
            filled += got
          } catch {
            failed = error
            break
          }
        }
        initialized = filled
      }
      if let failed { throw failed }
      return bytes
    } catch let errno as Errno {
      throw .unreadable(path: path, errno: errno.rawValue)
    } catch {
      throw .unreadable(path: path, errno: Errno.ioError.rawValue)
    }
  }

  /// Reads the next chunk into `batch`, replacing what it held. False at the end, and at damage (see `damage`), up to
  /// which every event has been given.
  public func next(into batch: inout EventBatch) -> Bool {
    batch.events.removeAll(keepingCapacity: true)
    batch.arena.removeAll()
    guard damage == nil, offset + TraceFormat.chunkHeaderSize <= end else { return false }
    do throws(TraceError) {
      let head = try Self.read(descriptor, at: offset, count: TraceFormat.chunkHeaderSize, path: path)
      // Space that was preallocated, and never used, is zero.
      if !isComplete, head.allSatisfy({ $0 == 0 }) {
        offset = end
        return false
      }
      let chunk = try head.reading { (reader) throws(TraceError) in try ChunkHeader(from: &reader) }
      body = try Self.read(
        descriptor, at: offset + TraceFormat.chunkHeaderSize, count: Int(chunk.length), path: path)
      let isCut = body.count < Int(chunk.length)
      if chunk.sealed, !isCut {
        guard UInt32(crc32(0, body, UInt32(body.count))) == chunk.checksum else {
          throw .damaged("a chunk's checksum does not match at byte \(offset)")
        }
      }
      offset += TraceFormat.chunkHeaderSize + (Int(chunk.length) + 7) & ~7
      if !chunk.sealed || isCut { offset = end }
      try decode(chunk, into: &batch)
      if isCut { throw .damaged("its last chunk is cut off") }
      return true
    } catch {
      damage = error
      return !batch.events.isEmpty
    }
  }

  private func decode(_ chunk: ChunkHeader, into batch: inout EventBatch) throws(TraceError) {
    // What is missing is known by its number; what comes again is not.
    guard chunk.firstSequence >= sequence, chunk.firstSequence <= TraceFormat.mostCalls else {
      throw .damaged("a chunk's events do not follow those before")
    }
    sequence = chunk.firstSequence
    try body.withBytes { (bytes) throws(TraceError) in
      unsafe try decoder.decode(bytes, from: chunk.firstTime, sequence: &sequence, into: &batch, tables: &tables)
    }
  }
}
