// The one writer of .flt files. The open chunk is a MAP_SHARED window over preallocated file space: what was committed
// is in the page cache, and so in the file, however this process ends.

import CZlib
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes a trace as it happens. Not for use from several threads.
///
/// A call's begin is written when it is entered; when its end follows with nothing between, the begin is taken back and
/// one whole record stands in its place. So the file always tells who is inside a call, and costs one record per call.
public final class TraceWriter {
  public let path: String
  /// Events in the file so far.
  public private(set) var events: UInt64 = 0
  /// How large the file is so far, in bytes, without what is allocated and not used.
  public var size: UInt64 { UInt64(chunkInFile + TraceFormat.chunkHeaderSize) + UInt64(header.length) }
  /// Events that could not be written since the disk is full.
  public private(set) var lost: UInt64 = 0
  /// Why nothing more is written: the errno of growing the file.
  public private(set) var failure: Int32?

  private let descriptor: Int32
  private var window: UnsafeMutableRawPointer?
  private var windowSize = 0
  /// Where the window's chunk starts: in the window, and in the file.
  private var chunkInWindow = 0
  private var chunkInFile = TraceFormat.fileHeaderSize
  private var header: ChunkHeader
  private var lastTime: Nanoseconds = 0
  private var record = ByteWriter()
  private var index: [(offset: UInt64, header: ChunkHeader)] = []
  /// The begin that is the last record of the open chunk and may be taken back.
  private var openBegin: (thread: ThreadID, length: UInt32, timeBefore: Nanoseconds)?
  private var strings: [[UInt8]: StringID] = [:]
  private var stringCount = 1

  /// Makes the file, mode 0600, and writes its header.
  public init(path: String, header traceHeader: TraceHeader) throws(TraceError) {
    self.path = path
    // A new file, so that its mode is ours, and so that one which another tracer still has mapped is not cut under it.
    var status = stat()
    if unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { unsafe unlink(path) }
    let opened = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw .unwritable(path: path, errno: errno) }
    descriptor = Self.raised(opened)
    header = Self.emptyChunk(sequence: 0)
    var writer = ByteWriter()
    writer.bytes.append(contentsOf: TraceFormat.magic)
    writer.fixed(UInt32(TraceFormat.version))
    writer.fixed(UInt32(TraceFormat.fileHeaderSize))
    writer.fixed(traceHeader.started)
    writer.fixed(UInt32(traceHeader.beganAfterStart ? 1 : 0))
    while writer.bytes.count < TraceFormat.fileHeaderSize { writer.byte(0) }
    guard unsafe pwrite(descriptor, writer.bytes, writer.bytes.count, 0) == writer.bytes.count else {
      let failed = errno
      close(descriptor)
      throw .unwritable(path: path, errno: failed)
    }
    openChunk(at: TraceFormat.fileHeaderSize)
    if let failure {
      close(descriptor)
      throw .unwritable(path: path, errno: failure)
    }
  }

  deinit {
    if let window = unsafe window { unsafe munmap(window, windowSize) }
    close(descriptor)
  }

  /// The descriptor under a high number, out of the way of those that targets know.
  private static func raised(_ descriptor: Int32) -> Int32 {
    let high = fcntl(descriptor, F_DUPFD_CLOEXEC, 800)
    guard high >= 0 else { return descriptor }
    close(descriptor)
    return high
  }

  private static func emptyChunk(sequence: UInt64) -> ChunkHeader {
    ChunkHeader(
      sealed: false, length: 0, checksum: 0, events: 0, firstTime: 0, lastTime: 0, firstSequence: sequence)
  }

  /// The text's id; defines it in the file at its first use.
  public func intern(_ text: [UInt8]) -> StringID {
    let text = text.count > TraceFormat.longestString ? Array(text[..<TraceFormat.longestString]) : text
    if text.isEmpty { return .empty }
    if let known = strings[text] { return known }
    // A bound on memory: a text that comes back after that many others is defined again under a new id.
    if strings.count >= 65536 { strings.removeAll(keepingCapacity: true) }
    let id = StringID(stringCount)
    stringCount += 1
    strings[text] = id
    record.clear()
    record.string(id, text)
    appendDefinition()
    return id
  }

  public func define(_ id: ThreadID, _ thread: ThreadRecord) {
    record.clear()
    record.thread(id, thread)
    appendDefinition()
  }

  private func appendDefinition() {
    openBegin = nil
    append(time: nil)
  }

  /// Writes one event; its variable parts are in `arena`. Events come in the order of `Event.time`.
  public func write(_ event: Event, arena: borrowing Arena) {
    guard failure == nil else {
      // A begin that is lost comes again with its end.
      if event.phase != .begin { lost += 1 }
      return
    }
    var event = event
    if event.phase == .end, let begin = openBegin, begin.thread == event.thread {
      event.phase = .whole
      header.length = begin.length
      header.events -= 1
      events -= 1
      lastTime = begin.timeBefore
      // The length goes back before the bytes change: a reader after our death must not see half a record.
      commit()
    }
    openBegin = nil
    if header.events == 0, header.length == 0 {
      header.firstTime = event.time
      lastTime = event.time
    }
    encode(event, arena: arena)
    guard record.bytes.count <= TraceFormat.chunkCapacity else {
      lost += 1
      return
    }
    if Int(header.length) + record.bytes.count > TraceFormat.chunkCapacity {
      seal()
      openChunk(at: chunkInFile + TraceFormat.chunkHeaderSize + (Int(header.length) + 7) & ~7)
      guard failure == nil else {
        lost += 1
        return
      }
      header.firstTime = event.time
      lastTime = event.time
      encode(event, arena: arena)
    }
    let lengthBefore = header.length
    let timeBefore = lastTime
    lastTime = event.time
    header.events += 1
    events += 1
    append(time: event.time)
    if event.phase == .begin { openBegin = (event.thread, lengthBefore, timeBefore) }
  }

  private func encode(_ event: Event, arena: borrowing Arena) {
    record.clear()
    record.event(event, after: lastTime, arena: arena)
  }

  /// Appends `record` to the open chunk, opening the next one if it does not fit.
  private func append(time: Nanoseconds?) {
    guard failure == nil else { return }
    if Int(header.length) + record.bytes.count > TraceFormat.chunkCapacity {
      let last = lastTime
      seal()
      openChunk(at: chunkInFile + TraceFormat.chunkHeaderSize + (Int(header.length) + 7) & ~7)
      guard failure == nil else { return }
      header.firstTime = last
      lastTime = last
    }
    guard let window = unsafe window else { return }
    let body = chunkInWindow + TraceFormat.chunkHeaderSize + Int(header.length)
    unsafe record.bytes.withUnsafeBytes { source in
      unsafe (window + body).copyMemory(from: source.baseAddress!, byteCount: source.count)
    }
    header.length += UInt32(record.bytes.count)
    if let time { header.lastTime = max(header.lastTime, time) }
    commit()
  }

  /// Publishes the open chunk's header; the length last, since it is what makes the bytes before it count.
  private func commit() {
    guard let window = unsafe window else { return }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let start = unsafe window + chunkInWindow
    unsafe start.storeBytes(of: header.firstTime.littleEndian, toByteOffset: 24, as: UInt64.self)
    unsafe start.storeBytes(of: header.lastTime.littleEndian, toByteOffset: 32, as: UInt64.self)
    unsafe start.storeBytes(of: header.length.littleEndian, toByteOffset: ChunkHeader.lengthOffset, as: UInt32.self)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  private func writeHeader() {
    guard let window = unsafe window else { return }
    var writer = ByteWriter()
    header.write(into: &writer)
    unsafe writer.bytes.withUnsafeBytes { source in
      unsafe (window + chunkInWindow).copyMemory(from: source.baseAddress!, byteCount: source.count)
    }
  }

  /// Closes the open chunk: from here its checksum holds.
  private func seal() {
    openBegin = nil
    guard let window = unsafe window, !header.sealed else { return }
    let body = unsafe window + chunkInWindow + TraceFormat.chunkHeaderSize
    header.checksum = UInt32(
      unsafe crc32(0, body.assumingMemoryBound(to: UInt8.self), UInt32(header.length)))
    // The flag last: until it stands, the checksum does not count.
    writeHeader()
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    header.sealed = true
    unsafe (window + chunkInWindow).storeBytes(of: UInt32(1).littleEndian, toByteOffset: 4, as: UInt32.self)
    index.append((UInt64(chunkInFile), header))
  }

  private func openChunk(at offset: Int) {
    if let window = unsafe window { unsafe munmap(window, windowSize) }
    unsafe window = nil
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = offset / page * page
    let end = offset + TraceFormat.chunkHeaderSize + TraceFormat.chunkCapacity
    // Preallocated, since a store to a mapped hole on a full disk is SIGBUS.
    let refused = posix_fallocate(descriptor, off_t(start), off_t(end - start))
    guard refused == 0 else {
      failure = refused
      return
    }
    let mapped = unsafe mmap(nil, end - start, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(start))
    guard unsafe mapped != MAP_FAILED else {
      failure = errno
      return
    }
    unsafe window = mapped
    windowSize = end - start
    chunkInWindow = offset - start
    chunkInFile = offset
    header = Self.emptyChunk(sequence: events)
    writeHeader()
  }

  /// Seals the file and writes its index. Without this the file is readable, and known to be incomplete.
  public func finish() throws(TraceError) {
    let end: Int
    if unsafe window != nil {
      seal()
      end = chunkInFile + TraceFormat.chunkHeaderSize + (Int(header.length) + 7) & ~7
      unsafe munmap(window, windowSize)
      unsafe window = nil
    } else {
      end = Int(lseek(descriptor, 0, SEEK_END))
    }
    if let failure {
      ftruncate(descriptor, off_t(end))
      throw .unwritable(path: path, errno: failure)
    }
    var writer = ByteWriter()
    writer.fixed(TraceFormat.indexMagic)
    writer.fixed(UInt32(index.count))
    for entry in index {
      writer.fixed(entry.offset)
      writer.fixed(entry.header.firstTime)
      writer.fixed(entry.header.lastTime)
      writer.fixed(entry.header.events)
      writer.fixed(entry.header.length)
    }
    writer.fixed(UInt64(end))
    writer.fixed(TraceFormat.trailerMagic)
    guard unsafe pwrite(descriptor, writer.bytes, writer.bytes.count, off_t(end)) == writer.bytes.count,
      ftruncate(descriptor, off_t(end + writer.bytes.count)) == 0
    else { throw .unwritable(path: path, errno: errno) }
  }
}
