// A file that was cut off, or that somebody bent, is read as far as it goes; it never crashes the reader.

import Foundation
import Testing

@testable import Trace

@Suite struct DamageTests {
  private func sample(finish: Bool) throws -> (bytes: [UInt8], count: Int) {
    let path = temporaryTrace()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = try TraceWriter(path: path, header: TraceHeader(started: 0))
    writer.define(ThreadID(0), ThreadRecord(tid: 1, generation: 0, process: ProcessID(0), pid: 1))
    var arena = Arena()
    let count = 20_000
    for place in 0..<count {
      // Always others, so that nothing is folded, and each body is told.
      arena.removeAll()
      let entries = arena.add(waits: [WaitEntry(fd: FD(place), asked: [.input], returned: [.input])])
      writer.write(
        Event(
          thread: ThreadID(0), entered: UInt64(place), exited: UInt64(place),
          body: .call(.poll, CallResult(1), .wait(Wait(epoll: -1, entries: entries, timeout: -1)))), arena: arena)
    }
    if finish { try writer.finish() }
    // Unfinished, the file is what a killed tracer leaves.
    return (Array(try Data(contentsOf: URL(filePath: path))), count)
  }

  private func read(_ bytes: [UInt8]) throws -> (count: Int, reader: TraceReader) {
    let path = temporaryTrace()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(filePath: path))
    let read = try readAll(path)
    return (read.events.count, read.reader)
  }

  @Test func anUnfinishedFileReadsToItsLastEvent() throws {
    let sample = try sample(finish: false)
    let read = try read(sample.bytes)
    #expect(read.count == sample.count)
    #expect(!read.reader.isComplete)
    #expect(read.reader.damage == nil)
  }

  @Test func aTruncatedFileReadsUpToTheCut() throws {
    let sample = try sample(finish: true)
    for part in [0.2, 0.5, 0.9] {
      let read = try read(Array(sample.bytes.prefix(Int(Double(sample.bytes.count) * part))))
      #expect(!read.reader.isComplete)
      #expect(read.count < sample.count)
    }
  }

  @Test func aFlippedBitEndsTheReadingAtItsChunk() throws {
    let sample = try sample(finish: true)
    var bytes = sample.bytes
    bytes[bytes.count / 2] ^= 0x10
    let read = try read(bytes)
    #expect(read.reader.damage != nil)
    #expect(read.count > 0 && read.count < sample.count)
  }

  @Test func whatIsNoTraceIsRefused() throws {
    #expect(throws: TraceError.self) { try read([]) }
    #expect(throws: TraceError.self) { try read(Array("hello, world\n".utf8)) }
    var later = try sample(finish: true).bytes
    later[8] = 200
    #expect(throws: TraceError.self) { try read(later) }
  }

  /// Bends every region of a small file in many ways. Nothing may crash; seeds are printed by the failing argument.
  @Test(arguments: 0..<8) func bentFilesNeverCrash(_ seed: Int) throws {
    let sample = try sample(finish: seed % 2 == 0).bytes
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<25 {
      var bytes = Array(sample.prefix(4096 + random(4096)))
      for _ in 0...random(8) { bytes[TraceFormat.fileHeaderSize + random(bytes.count - 64)] = UInt8(random(256)) }
      // Unsealed, so that no checksum hides the damage from the decoder.
      bytes[TraceFormat.fileHeaderSize + 4] = 0
      _ = try? read(bytes)
    }
  }
}
