// The file under a writer: sealed chunks, and the open one, a MAP_SHARED window over preallocated file space. What was
// committed is in the page cache, and so in the file, however this process ends.

import CZlib
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a trace goes.
public enum TraceDestination: Sendable {
  /// A file that is made anew.
  case file(String)
  /// What that path names, open (a fifo, /dev/stdout, ...): it gets each chunk when it is sealed, while a nameless file holds the trace
  /// as well.
  case stream(String, Int32)
  /// A file without a name, which is gone with its last descriptor.
  case nameless
  /// A file without a name beside that path, which may take its place (`TraceWriter.takePlace`).
  case beside(String)

  /// What the path names; a fifo is waited for until somebody reads.
  public static func at(_ path: String) throws(TraceError) -> TraceDestination {
    let place = try FilePlace(path)
    return place.isStream ? .stream(path, try place.openStream()) : .file(path)
  }

  var path: String {
    switch self {
    case .file(let path), .stream(let path, _), .beside(let path): path
    case .nameless: ""
    }
  }
}

/// A file of chunks that grows.
struct ChunkFile: ~Copyable {
  /// As the user gave it; of a nameless file empty.
  let path: String
  /// The open chunk's header; what of it changes is published by `append`, `truncate` and `note`.
  private(set) var header: ChunkHeader
  /// Why nothing more is written: the errno of growing the file, or of writing to the stream.
  private(set) var failure: Int32?
  /// It has grown to its limit.
  private(set) var isFull = false

  private let descriptor: Int32
  /// It is there by no name.
  private var isNameless: Bool
  /// The stream, or -1.
  private let stream: Int32
  /// Bytes that the whole file may have.
  private let limit: Int
  private var traceHeader: TraceHeader
  private var window: UnsafeMutableRawPointer?
  private var windowSize = 0
  /// What the open chunk may hold: less than others where the limit is near.
  private var capacity = TraceFormat.chunkCapacity
  /// Where the window's chunk starts: in the window, and in the file.
  private var chunkInWindow = 0
  private var chunkInFile = TraceFormat.fileHeaderSize
  private var index: [(offset: UInt64, header: ChunkHeader)] = []

  /// No limit is below that: the file holds one chunk at least.
  static let leastLimit = TraceFormat.fileHeaderSize + TraceFormat.chunkHeaderSize + TraceFormat.chunkCapacity + 1024

  /// Makes the file, mode 0600, writes its header and opens the first chunk; where that fails, `failure` says why.
  init(_ destination: TraceDestination, header traceHeader: TraceHeader, limit: Int = .max) throws(TraceError) {
    let made = try Self.made(destination, traceHeader)
    path = destination.path
    (descriptor, stream) = made
    switch destination {
    case .file: isNameless = false
    case .stream, .nameless, .beside: isNameless = true
    }
    self.limit = max(limit, Self.leastLimit)
    self.traceHeader = traceHeader
    header = Self.emptyChunk(sequence: 0)
    pass(0, TraceFormat.fileHeaderSize)
    openChunk(at: TraceFormat.fileHeaderSize, sequence: 0)
  }

  private static func made(
    _ destination: TraceDestination, _ header: TraceHeader
  ) throws(TraceError) -> (file: Int32, stream: Int32) {
    let file: Int32
    var stream: Int32 = -1
    var place: FilePlace?
    switch destination {
    case .file(let path):
      let named = try FilePlace(path)
      // A new file, so that its mode is ours, and so that one which another tracer still has mapped is not cut under it.
      if !named.isStream { named.remove() }
      file = raised(try named.create())
      place = named
    case .beside(let path):
      let named = try FilePlace(path)
      file = raised(try named.createNameless())
      place = named
    case .stream(_, let given):
      file = raised(try FilePlace.nameless())
      stream = raised(given)
    case .nameless: file = raised(try FilePlace.nameless())
    }
    do throws(TraceError) {
      try begin(file, header, place?.path ?? "a temporary file")
    } catch {
      // While it is open: by it is known that what stands there is ours.
      place?.remove(made: file)
      place?.removeSpare(made: file)
      close(file)
      if stream >= 0 { close(stream) }
      throw error
    }
    return (file, stream)
  }

  private static func begin(_ file: Int32, _ header: TraceHeader, _ path: String) throws(TraceError) {
    var writer = ByteWriter()
    writer.bytes.append(contentsOf: TraceFormat.magic)
    writer.fixed(UInt32(TraceFormat.version))
    writer.fixed(UInt32(TraceFormat.fileHeaderSize))
    writer.fixed(header.started)
    writer.fixed(header.flags)
    while writer.bytes.count < TraceFormat.fileHeaderSize { writer.byte(0) }
    guard unsafe pwrite(file, writer.bytes, writer.bytes.count, 0) == writer.bytes.count else {
      throw .unwritable(path: path, errno: errno)
    }
  }

  deinit {
    if let window = unsafe window { unsafe munmap(window, windowSize) }
    close(descriptor)
    if stream >= 0 { close(stream) }
  }

  /// The descriptor under a high number, out of the way of those that targets know.
  private static func raised(_ descriptor: Int32) -> Int32 {
    let high = fcntl(descriptor, F_DUPFD_CLOEXEC, 800)
    guard high >= 0 else { return descriptor }
    close(descriptor)
    return high
  }

  /// Takes the file away, as far as it has a name.
  func discard() {
    guard stream < 0, !path.isEmpty, let place = try? FilePlace(path) else { return }
    if isNameless {
      place.removeSpare(made: descriptor)
    } else {
      place.remove(made: descriptor)
    }
  }

  /// A file beside its path takes its place.
  mutating func takePlace() throws(TraceError) {
    guard isNameless, stream < 0, !path.isEmpty else { return }
    try FilePlace(path).take(nameless: descriptor)
    isNameless = false
  }

  /// A path by which the trace can be read while this process lives: that of the file, or of a descriptor of its own for one that
  /// has no name.
  func readablePath() -> String {
    guard isNameless else { return path }
    return "/dev/fd/\(fcntl(descriptor, F_DUPFD_CLOEXEC, 800))"
  }

  /// Whether more can be written.
  var isOpen: Bool { failure == nil && !isFull }

  private static func emptyChunk(sequence: UInt64) -> ChunkHeader {
    ChunkHeader(
      sealed: false, length: 0, checksum: 0, events: 0, firstTime: 0, lastTime: 0, firstSequence: sequence)
  }

  /// The bytes of the open chunk's body that count.
  var length: Int { Int(header.length) }
  /// The file's size so far, without what is allocated and not used.
  var size: UInt64 { UInt64(chunkInFile) + (isFull ? 0 : UInt64(TraceFormat.chunkHeaderSize + length)) }
  var room: Int { capacity - length }
  /// The open chunk's body. There is one as long as there is no `failure`.
  var body: UnsafeMutableRawPointer {
    unsafe window.unsafelyUnwrapped + chunkInWindow + TraceFormat.chunkHeaderSize
  }

  /// Sets what the first time difference is counted from; before the first event.
  mutating func begin(at time: Nanoseconds) { header.firstTime = time }

  /// Appends a record, which must have room.
  mutating func append(_ record: [UInt8]) {
    unsafe record.withUnsafeBytes { source in
      unsafe (body + length).copyMemory(from: source.baseAddress!, byteCount: source.count)
    }
    header.length += UInt32(record.count)
    commit()
  }

  /// Takes back the records from `length` on. The length goes back before the bytes change: a reader after our death must
  /// not see half a record.
  mutating func truncate(to length: Int) {
    header.length = UInt32(length)
    commit()
  }

  /// An event of the chunk was that late.
  mutating func note(_ time: Nanoseconds) {
    guard time > header.lastTime else { return }
    header.lastTime = time
    let start = unsafe window.unsafelyUnwrapped + chunkInWindow
    unsafe start.storeBytes(of: time.littleEndian, toByteOffset: 32, as: UInt64.self)
  }

  /// Replaces a number that was written with `ByteWriter.padded`, by a single store: a reader sees the old one or the new.
  func replace(at offset: Int, with value: UInt64) {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    unsafe body.storeBytes(of: ByteWriter.padded(value).littleEndian, toByteOffset: offset, as: UInt64.self)
  }

  /// Publishes the open chunk's header; the length last, since it is what makes the bytes before it count.
  private func commit() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let start = unsafe window.unsafelyUnwrapped + chunkInWindow
    unsafe start.storeBytes(of: header.firstTime.littleEndian, toByteOffset: 24, as: UInt64.self)
    unsafe start.storeBytes(of: header.length.littleEndian, toByteOffset: ChunkHeader.lengthOffset, as: UInt32.self)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  private func writeHeader() {
    var writer = ByteWriter()
    header.write(into: &writer)
    unsafe writer.bytes.withUnsafeBytes { source in
      unsafe (window.unsafelyUnwrapped + chunkInWindow).copyMemory(from: source.baseAddress!, byteCount: source.count)
    }
  }

  /// Closes the open chunk, which holds that many events: from here its checksum holds.
  private mutating func seal(events: UInt64) {
    header.events = UInt32(events - header.firstSequence)
    header.checksum = UInt32(
      unsafe crc32(0, UnsafePointer(body.assumingMemoryBound(to: UInt8.self)), UInt32(header.length)))
    // The flag last: until it stands, the checksum does not count.
    writeHeader()
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    header.sealed = true
    unsafe (window.unsafelyUnwrapped + chunkInWindow).storeBytes(
      of: UInt32(1).littleEndian, toByteOffset: 4, as: UInt32.self)
    index.append((UInt64(chunkInFile), header))
    pass(chunkInFile, next)
  }

  /// Where the next chunk, or the index, begins.
  private var next: Int { chunkInFile + TraceFormat.chunkHeaderSize + (length + 7) & ~7 }

  /// Seals the open chunk and opens the next. `events`: how many the file holds.
  mutating func turn(events: UInt64) {
    seal(events: events)
    if failure == nil { openChunk(at: next, sequence: events) }
  }

  /// Nothing more goes into the file; it says so.
  mutating func cut(events: UInt64) {
    guard isOpen else { return }
    // One that nothing fits into is left out.
    if length > 0 {
      seal(events: events)
      chunkInFile = next
    }
    closeWindow()
    isFull = true
    traceHeader.endsEarly = true
    var writer = ByteWriter()
    writer.fixed(traceHeader.flags)
    unsafe pwrite(descriptor, writer.bytes, writer.bytes.count, off_t(TraceFormat.flagsOffset))
  }

  /// Hands a stretch of the file on to the stream.
  private mutating func pass(_ start: Int, _ end: Int) {
    guard stream >= 0, failure == nil else { return }
    var block = [UInt8](repeating: 0, count: end - start)
    guard unsafe pread(descriptor, &block, block.count, off_t(start)) == block.count else {
      failure = errno
      return
    }
    var rest = block[...]
    while !rest.isEmpty {
      let written = unsafe rest.withUnsafeBytes { unsafe write(stream, $0.baseAddress, $0.count) }
      if written >= 0 {
        rest = rest.dropFirst(written)
      } else if errno == EAGAIN {
        var room = pollfd(fd: stream, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&room, 1, -1)
      } else if errno != EINTR {
        failure = errno
        return
      }
    }
  }

  private mutating func closeWindow() {
    if let window = unsafe window { unsafe munmap(window, windowSize) }
    unsafe window = nil
  }

  /// How many bytes of body a chunk there may have, so that the index still has its place below the limit.
  private func capacity(at offset: Int) -> Int {
    let around = TraceFormat.chunkHeaderSize + 8 + 32 * (index.count + 1) + TraceFormat.trailerSize
    return min(TraceFormat.chunkCapacity, (limit - min(limit, offset + around)) & ~7)
  }

  /// With signals blocked: one would end it, and undo what it did (Linux 6.1, mm/shmem.c, shmem_fallocate).
  private func allocate(from start: Int, to end: Int) -> Int32 {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    return posix_fallocate(descriptor, off_t(start), off_t(end - start))
  }

  private mutating func openChunk(at offset: Int, sequence: UInt64) {
    closeWindow()
    capacity = capacity(at: offset)
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = offset / page * page
    let end = offset + TraceFormat.chunkHeaderSize + capacity
    // Preallocated, since a store to a mapped hole on a full disk is SIGBUS.
    let refused = allocate(from: start, to: end)
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
    header = Self.emptyChunk(sequence: sequence)
    writeHeader()
  }

  /// Seals the file and writes its index. Without this the file is readable, and known to be incomplete.
  mutating func finish(events: UInt64) throws(TraceError) {
    let end: Int
    if unsafe window != nil {
      seal(events: events)
      end = next
      closeWindow()
    } else if isFull {
      end = chunkInFile
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
    pass(end, end + writer.bytes.count)
    if let failure { throw .unwritable(path: path, errno: failure) }
  }
}
