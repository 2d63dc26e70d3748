// Files of earlier versions are read by their own rules (docs/trace-format.md, Versions).

import Foundation
import Testing

@testable import Trace

@Suite struct FormerVersionTests {
  /// A file of that version with one chunk, as a writer that was killed leaves it.
  private func read(
    version: UInt32, flags: UInt32 = 0, _ body: (inout ByteWriter) -> Void
  ) throws -> (events: [Event], arena: Arena, reader: TraceReader) {
    var records = ByteWriter()
    records.thread(ThreadID(0), ThreadRecord(tid: 4711, generation: 0, process: ProcessID(0), pid: 4711))
    records.bytes += [1, 1, 9] + Array("pipe:[99]".utf8)
    body(&records)
    var file = ByteWriter()
    file.bytes = TraceFormat.magic
    file.fixed(version)
    file.fixed(UInt32(TraceFormat.fileHeaderSize))
    file.fixed(UInt64(7))
    file.fixed(flags)
    while file.bytes.count < TraceFormat.fileHeaderSize { file.byte(0) }
    ChunkHeader(
      sealed: false, length: UInt32(records.bytes.count), checksum: 0, events: 0, firstTime: 0, lastTime: 0,
      firstSequence: 0
    ).write(into: &file)
    let path = temporaryTrace()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(file.bytes + records.bytes).write(to: URL(filePath: path))
    return try readAll(path)
  }

  /// fd 3, a pipe, text 1, inode 99, flags 04000, same as fd 2: up to here the two forms are the same.
  private static let pipe: [UInt8] = [6, 1, 1, 99, 0x80, 0x10, 4]

  @Test func aDescriptorOfVersion1HasNeitherOwnerNorBytes() throws {
    let read = try read(version: 1) { records in
      // Kind 11, thread 0, 5 ns later; then a name, which stands where the second form would go on.
      records.bytes += [11, 0, 10] + Self.pipe
      records.bytes += [13, 0, 0, 1]
    }
    #expect(read.reader.damage == nil)
    #expect(read.reader.header.version == 1)
    #expect(!read.reader.header.beganAfterStart)
    #expect(read.events.count == 2)
    guard case .existing(let found) = read.events.first?.body, case .name(StringID(1)) = read.events.last?.body else {
      Issue.record("the events are others")
      return
    }
    #expect(read.events[0].time == 5)
    #expect(found.fd == 3 && found.kind == .pipe && found.inode == 99 && found.flags == 0o4000 && found.sameAs == 2)
    #expect(read.reader.tables.text(found.link) == "pipe:[99]")
    #expect(found.sameIn == .unknown)
    #expect(found.waiting == 0)
  }

  @Test func aDescriptorOfVersion2HasBoth() throws {
    let read = try read(version: 2, flags: 1) { records in
      records.bytes += [14, 0, 10] + Self.pipe + [0, 12]
    }
    #expect(read.reader.damage == nil)
    #expect(read.reader.header.version == 2)
    #expect(read.reader.header.beganAfterStart)
    guard case .existing(let found) = read.events.first?.body else {
      Issue.record("the event is another")
      return
    }
    #expect(found.fd == 3 && found.kind == .pipe && found.inode == 99 && found.flags == 0o4000 && found.sameAs == 2)
    #expect(found.sameIn == ThreadID(0))
    #expect(found.waiting == 12)
  }

  @Test func theFirstFormIsNotWrittenAnyMore() throws {
    let found = ExistingDescriptor(fd: 3, kind: .pipe, link: StringID(1), inode: 99, flags: 0o4000, sameAs: -1)
    let event = Event(thread: ThreadID(0), entered: 0, exited: 0, body: .existing(found))
    #expect(RecordKind.of(event).rawValue == 14)
  }

  /// poll of fd 3, as versions 1 and 2 had it: syscall, result, operation; a unit of 1 ns; 0x40 and 0x80 mean nothing.
  private static let poll: [UInt8] = [7, 2, 19, 1, 1, 1, 6, 1, 1]

  @Test(arguments: [1, 2] as [UInt32]) func aCallOfVersion2HasAllItsFields(_ version: UInt32) throws {
    let read = try read(version: version) { records in
      for tag in [3, 3 | 0xC0] as [UInt8] { records.bytes += [tag, 0, 14, 3] + Self.poll }
      // Thread, difference, duration, repeats.
      records.bytes += [3 | 0x20, 0, 14, 5, 9] + Self.poll
    }
    #expect(read.reader.damage == nil)
    #expect(read.events.map(\.entered) == [4, 11, 16])
    #expect(read.events.map(\.exited) == [7, 14, 21])
    #expect(read.events.map(\.repeats) == [1, 1, 9])
    #expect(read.events.last?.inside == 5)
    for event in read.events {
      guard case .call(.poll, CallResult(1), .wait(let wait)) = event.body else {
        Issue.record("the event is another")
        continue
      }
      #expect(read.arena.waits(wait.entries).map(\.fd) == [3])
    }
  }
}
