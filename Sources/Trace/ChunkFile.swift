// The file under a writer: sealed chunks, and the open one, a MAP_SHARED window over preallocated file space. What was
// committed is in the page cache, and so in the file, however this process ends.

import CZlib
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file of chunks that grows.
struct ChunkFile: ~Copyable {
  let path: String
  /// The open chunk's header; what of it changes is published by `append`, `truncate` and `note`.
  private(set) var header: ChunkHeader
  /// Why nothing more is written: the errno of growing the file.
  private(set) var failure: Int32?

  private let descriptor: Int32
  private var window: UnsafeMutableRawPointer?
  private var windowSize = 0
  /// Where the window's chunk starts: in the window, and in the file.
  private var chunkInWindow = 0
  private var chunkInFile = TraceFormat.fileHeaderSize
  private var index: [(offset: UInt64, header: ChunkHeader)] = []

  /// Makes the file, mode 0600, writes its header and opens the first chunk; where that fails, `failure` says why.
  init(path: String, header traceHeader: TraceHeader) throws(TraceError) {
    let opened = try Self.made(path, traceHeader)
    self.path = path
    descriptor = opened
    header = Self.emptyChunk(sequence: 0)
    openChunk(at: TraceFormat.fileHeaderSize, sequence: 0)
  }

  private static func made(_ path: String, _ header: TraceHeader) throws(TraceError) -> Int32 {
    // A new file, so that its mode is ours, and so that one which another tracer still has mapped is not cut under it.
    var status = stat()
    if unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { unsafe unlink(path) }
    let opened = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw .unwritable(path: path, errno: errno) }
    let descriptor = raised(opened)
    var writer = ByteWriter()
    writer.bytes.append(contentsOf: TraceFormat.magic)
    writer.fixed(UInt32(TraceFormat.version))
    writer.fixed(UInt32(TraceFormat.fileHeaderSize))
    writer.fixed(header.started)
    writer.fixed(
      UInt32((header.beganAfterStart ? 1 : 0) | (header.source == .strace ? 2 : 0) | (header.isTimed ? 0 : 4)))
    while writer.bytes.count < TraceFormat.fileHeaderSize { writer.byte(0) }
    guard unsafe pwrite(descriptor, writer.bytes, writer.bytes.count, 0) == writer.bytes.count else {
      let failed = errno
      close(descriptor)
      throw .unwritable(path: path, errno: failed)
    }
    return descriptor
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

  /// The bytes of the open chunk's body that count.
  var length: Int { Int(header.length) }
  /// The file's size so far, without what is allocated and not used.
  var size: UInt64 { UInt64(chunkInFile + TraceFormat.chunkHeaderSize) + UInt64(length) }
  var room: Int { TraceFormat.chunkCapacity - length }
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
  }

  /// Where the next chunk, or the index, begins.
  private var next: Int { chunkInFile + TraceFormat.chunkHeaderSize + (length + 7) & ~7 }

  /// Seals the open chunk and opens the next. `events`: how many the file holds.
  mutating func turn(events: UInt64) {
    seal(events: events)
    openChunk(at: next, sequence: events)
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
    if let window = unsafe window { unsafe munmap(window, windowSize) }
    unsafe window = nil
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = offset / page * page
    let end = offset + TraceFormat.chunkHeaderSize + TraceFormat.chunkCapacity
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
