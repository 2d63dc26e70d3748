// A folded cycle whose last round stops short is judged as it happened: what was called behind the last rest begins the next stretch.

import Foundation
import Testing

@testable import Analysis
@testable import Trace

@Suite struct HalfRoundTests {
  private static let poll = Wait(epoll: -1, entries: ArenaRange(offset: 0, count: 0), timeout: 0)

  /// A poll that finds nothing, a read, a sleep; the read may be left out.
  private static func findings(rounds: Int, sleepsLast: Bool) throws -> [Finding] {
    let path = FileManager.default.temporaryDirectory.appending(path: "half-round-\(UUID()).flt").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = try TraceWriter(path: path, header: TraceHeader(started: 0))
    let thread = ThreadID(0)
    writer.define(thread, ThreadRecord(tid: 10, generation: 0, process: ProcessID(0), pid: 10))
    var now: Nanoseconds = 0
    func call(_ syscall: Syscall, _ result: Int64, _ operation: Trace.Operation) {
      now += 10_000
      writer.write(
        Event(
          thread: thread, entered: now - 1_000, exited: now, body: .call(syscall, CallResult(result), operation)),
        arena: Arena())
    }
    writer.write(
      Event(thread: thread, entered: 0, exited: 0, body: .start(Start(parent: .unknown, flags: 0))), arena: Arena())
    for round in 0..<rounds {
      call(.poll, 0, .wait(poll))
      call(.read, -11, .transfer(Transfer(fd: 3, direction: .input, requested: 1)))
      if round < rounds - 1 || sleepsLast { call(.nanosleep, 0, .sleep(1_000)) }
    }
    for _ in 0..<1_000 { call(.poll, 0, .wait(poll)) }
    try writer.finish()
    let reader = try TraceReader(path: path)
    var pass = AnalysisPass()
    var batch = EventBatch()
    while reader.next(into: &batch) { pass.observe(batch, tables: reader.tables) }
    return pass.conclude(header: reader.header, tables: reader.tables).findings
  }

  @Test func countsWhatFollowsTheLastRest() throws {
    let whole = try Self.findings(rounds: 50, sleepsLast: true)
    #expect(whole.map(\.rule) == [.zeroTimeoutSpin])
    #expect(whole.map(\.count) == [1_000])
    let half = try Self.findings(rounds: 50, sleepsLast: false)
    #expect(half.map(\.rule) == [.zeroTimeoutSpin])
    #expect(half.map(\.count) == [1_001])
  }
}
