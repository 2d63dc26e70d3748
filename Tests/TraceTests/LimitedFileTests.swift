// A file that has reached its limit takes nothing more, wherever in an event that happens.

import Foundation
import Testing

@testable import Trace

@Suite struct LimitedFileTests {
  /// The held begin of one thread has no room any more; what made it be written is smaller, and would have. `padding` moves the end.
  @Test(arguments: 0..<12) func theRecordBeforeMayHaveBeenTheLast(_ padding: Int) throws {
    let path = temporaryTrace()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = try TraceWriter(to: .file(path), header: TraceHeader(started: 0), limit: 1)
    for thread in 0..<2 {
      writer.define(
        ThreadID(thread), ThreadRecord(tid: Int32(10 + thread), generation: 0, process: ProcessID(0), pid: 10))
    }
    _ = writer.intern([UInt8](repeating: 0x78, count: 1 + 29 * padding))
    var turn: UInt64 = 0
    var written = 0
    while !writer.isFull {
      turn += 1
      try #require(turn < 10_000)
      var arena = Arena()
      let entries = (0..<60).map { WaitEntry(fd: FD($0) + FD(turn % 1000), asked: [.input], returned: []) }
      let wait = Operation.wait(Wait(epoll: -1, entries: arena.add(waits: entries), timeout: Int64(turn)))
      let entered = turn * 10_000
      writer.write(
        Event(
          thread: ThreadID(0), phase: .begin, entered: entered, exited: entered, body: .call(.poll, .pending, wait)),
        arena: arena)
      writer.write(
        Event(
          thread: ThreadID(1), entered: entered + 1000, exited: entered + 2000,
          body: .call(.close, CallResult(0), .close(FD(turn)))), arena: arena)
      if !writer.isFull { written += 2 }
    }
    let lost = writer.lost
    writer.flushBegins()
    writer.write(
      Event(thread: ThreadID(1), entered: .max / 4, exited: .max / 4, body: .end(status: 0)), arena: Arena())
    #expect(writer.lost == lost + 1)
    try writer.finish()
    let read = try readAll(path)
    #expect(read.reader.damage == nil && read.reader.isComplete && read.reader.header.endsEarly)
    #expect(read.events.count >= written && read.events.count < written + 2)
  }
}
