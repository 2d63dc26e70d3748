// The example of docs/trace-format.md, byte by byte; and references to what is not there.

import Foundation
import Testing

@testable import Trace

@Suite struct ExampleTests {
  private static let example: [UInt8] =
    [0x02, 0x00, 0xCE, 0x49, 0x00, 0x00, 0xCE, 0x49, 0x01, 0x01, 0x00, 0x02, 0x73, 0x68, 0x06, 0x00, 0x00]
    + [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x00, 0x4D, 0x1E, 0x01, 0x43, 0x88, 0x27, 0xD2, 0x01, 0x01, 0x14, 0x08, 0x01]
    + [0x01, 0x00, 0x00, 0x01, 0x41, 0x02, 0xC3, 0xE8, 0x07, 0xAC, 0x02, 0x00, 0x02]

  private func call(_ arena: inout Arena, _ entered: Nanoseconds, _ exited: Nanoseconds) -> Event {
    var transfer = Transfer(fd: 4, direction: .output, requested: 1)
    transfer.payload = arena.add(bytes: [0x41])
    return Event(
      thread: ThreadID(0), entered: entered, exited: exited, body: .call(.write, CallResult(1), .transfer(transfer)))
  }

  @Test func theExampleIsWhatIsWritten() throws {
    let path = temporaryTrace()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = try TraceWriter(path: path, header: TraceHeader(started: 0))
    var arena = Arena()
    writer.define(ThreadID(0), ThreadRecord(tid: 4711, generation: 0, process: ProcessID(0), pid: 4711))
    let name = writer.intern(Array("sh".utf8))
    let start = Event.Body.start(Start(parent: .unknown, flags: 0))
    writer.write(Event(thread: ThreadID(0), entered: 0, exited: 0, body: start), arena: arena)
    writer.write(Event(thread: ThreadID(0), entered: 1500, exited: 1500, body: .name(name)), arena: arena)
    writer.write(call(&arena, 230_500, 251_500), arena: arena)
    writer.write(call(&arena, 271_500, 301_500), arena: arena)
    let bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let body = TraceFormat.fileHeaderSize + TraceFormat.chunkHeaderSize
    #expect(Array(bytes[body..<body + Self.example.count]) == Self.example)
    #expect(bytes[TraceFormat.fileHeaderSize + ChunkHeader.lengthOffset] == UInt8(Self.example.count))
  }

  private func decode(_ body: [UInt8]) throws -> EventBatch {
    var decoder = ChunkDecoder(version: 3)
    var sequence: UInt64 = 0
    var batch = EventBatch()
    var tables = TraceTables()
    try body.withBytes { (bytes) throws(TraceError) in
      unsafe try decoder.decode(bytes, from: 0, sequence: &sequence, into: &batch, tables: &tables)
    }
    return batch
  }

  @Test func paddedNumbersAreRead() throws {
    // Thread 0, time 1, as long numbers; a run of 300 with a span of 5.
    var body: [UInt8] = [0x23, 0x80, 0x00, 0x82, 0x80, 0x80, 0x00, 0x01, 0x18, 0x00, 0x02, 0x01]
    var writer = ByteWriter()
    writer.padded(300)
    writer.padded(5)
    writer.padded(1 << 50)
    body += writer.bytes
    let run = try #require(try decode(body).events.first)
    #expect(run.repeats == 300)
    #expect(run.firstReturn == 100)
    #expect(run.exited == 600)
    // Longer in its calls than it lasted: what an update that was cut off leaves, at worst.
    #expect(run.inside == 600)
  }

  @Test func whatIsNotThereIsDamage() throws {
    let damaged: [[UInt8]] = [
      // A body that did not come before; an end whose begin did not; a text that shares what is not there.
      [0x83, 0x00, 0x02, 0x00, 0x00, 0x02], [0x19, 0x00, 0x02, 0x18, 0x00, 0x02], [0x01, 0x01, 0x01, 0x00],
      // A begin of another thread; one that is later than the end.
      [0x04, 0x01, 0x02, 0x18, 0x00, 0x19, 0x00, 0x02, 0x18, 0x00, 0x02],
      [0x04, 0x00, 0x08, 0x18, 0x00, 0x59, 0x03, 0x18, 0x00, 0x02],
    ]
    for body in damaged { #expect(throws: TraceError.self) { try decode(body) } }
    #expect(try decode([0x04, 0x00, 0x08, 0x18, 0x00, 0x59, 0x02, 0x18, 0x00, 0x02]).events.last?.entered == 400)
  }

  @Test func eachChunkIsReadAlone() throws {
    let path = temporaryTrace()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = try TraceWriter(path: path, header: TraceHeader(started: 0))
    var arena = Arena()
    for place in 0..<30_000 {
      writer.write(call(&arena, UInt64(place) * 20_000, UInt64(place) * 20_000 + 500), arena: arena)
    }
    try writer.finish()
    // The first chunk's bodies are gone: the second does not need them.
    var bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let length = bytes[72..<76].reversed().reduce(0) { $0 << 8 | Int($1) }
    let second = TraceFormat.fileHeaderSize + TraceFormat.chunkHeaderSize + (length + 7) / 8 * 8
    let count = try readAll(path).events.count
    let index = bytes[(bytes.count - 16)..<(bytes.count - 8)].reversed().reduce(0) { $0 << 8 | Int($1) }
    bytes.removeSubrange(index...)
    bytes.removeSubrange(TraceFormat.fileHeaderSize..<second)
    try Data(bytes).write(to: URL(filePath: path))
    let rest = try readAll(path)
    #expect(rest.reader.damage == nil)
    let first = try #require(rest.events.first)
    #expect(first.sequence == UInt64(count - rest.events.count))
    #expect(first.exited == first.sequence * 20_000 + 500)
  }
}
