// Calls that change nothing and repeat are one record that grows; whoever reads the file meanwhile, or after the writer was
// killed, sees all of them.

import Foundation
import Testing

@testable import Trace

/// A trace that is written call by call, as the recorder does.
private final class Spin {
  let path = temporaryTrace()
  let writer: TraceWriter
  var arena = Arena()
  var now: Nanoseconds = 1_000_000
  private var began = [Nanoseconds](repeating: 0, count: 4)

  init() throws {
    writer = try TraceWriter(path: path, header: TraceHeader(started: 0))
    for thread in 0..<4 {
      writer.define(
        ThreadID(thread), ThreadRecord(tid: Int32(10 + thread), generation: 0, process: ProcessID(0), pid: 10))
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func poll(_ fd: FD, returned: Readiness) -> Trace.Operation {
    .wait(
      Wait(
        epoll: -1, entries: arena.add(waits: [WaitEntry(fd: fd, asked: [.input], returned: returned)]), timeout: -1))
  }

  static func read(_ fd: FD) -> Trace.Operation {
    .transfer(Transfer(fd: fd, direction: .input, requested: 16))
  }

  func begin(_ thread: Int, _ syscall: Syscall, _ operation: Trace.Operation) {
    now += 1000
    began[thread] = now
    writer.write(
      Event(
        thread: ThreadID(thread), phase: .begin, entered: now, exited: now, body: .call(syscall, .pending, operation)),
      arena: arena)
  }

  @discardableResult
  func end(
    _ thread: Int, _ syscall: Syscall, _ result: Int64, _ operation: Trace.Operation, took: Nanoseconds = 1000
  ) -> Bool {
    now += took
    return writer.write(
      Event(
        thread: ThreadID(thread), phase: .end, entered: began[thread], exited: now,
        body: .call(syscall, CallResult(result), operation)), arena: arena)
  }

  /// Returns 1 µs after it began, unless told otherwise; the tracer sleeps meanwhile.
  @discardableResult
  func poll(_ thread: Int, _ fd: FD = 3, took: Nanoseconds = 1000) -> Bool {
    begin(thread, .poll, poll(fd, returned: []))
    writer.flushBegins()
    return end(thread, .poll, 1, poll(fd, returned: .input), took: took)
  }

  /// EAGAIN.
  @discardableResult
  func emptyRead(_ thread: Int, _ fd: FD = 3, took: Nanoseconds = 1000) -> Bool {
    begin(thread, .read, Self.read(fd))
    writer.flushBegins()
    return end(thread, .read, -11, Self.read(fd), took: took)
  }

  /// What is in the file at this moment.
  func events() throws -> [Event] {
    let read = try readAll(path)
    #expect(read.reader.damage == nil)
    return read.events
  }

  func calls(_ thread: Int) throws -> Int {
    try events().reduce(0) { sum, event in
      guard case .call = event.body, event.thread == ThreadID(thread), event.phase != .begin else { return sum }
      return sum + Int(event.repeats)
    }
  }
}

@Suite struct FoldingTests {
  @Test func aSpinIsOneRecord() throws {
    let spin = try Spin()
    for _ in 0..<10 { spin.poll(0) }
    let early = spin.writer.events
    for _ in 10..<100_000 { spin.poll(0) }
    #expect(spin.writer.events == early)
    let events = try spin.events()
    #expect(events.count == 5)
    let run = try #require(events.last)
    #expect(run.repeats == 99_996)
    #expect(run.cycle == 1)
    // Four single ones come before; each takes 1 µs, and 1 µs is between them.
    #expect(run.entered == 1_009_000)
    #expect(run.firstReturn == 1_010_000)
    #expect(run.exited == 1_000_000 + 200_000_000)
    #expect(run.inside == 99_996_000)
    #expect(run.sequence == 4)
    #expect(events.allSatisfy { $0.phase == .whole })
  }

  @Test func twoThreadsThatSpinBothFold() throws {
    let spin = try Spin()
    spin.begin(1, .read, Spin.read(5))
    for _ in 0..<1000 {
      spin.poll(0)
      spin.end(1, .read, -11, Spin.read(5))
      spin.begin(1, .read, Spin.read(5))
    }
    #expect(try spin.calls(0) == 1000)
    #expect(try spin.calls(1) == 1000)
    #expect(try spin.events().count < 15)
  }

  @Test(arguments: 2...4) func callsThatTakeTurnsFold(_ length: Int) throws {
    let spin = try Spin()
    for round in 0..<1000 {
      spin.poll(0)
      // The last round stops short.
      for place in 1..<length where round < 999 || place == 1 { spin.emptyRead(0, FD(place)) }
    }
    let events = try spin.events()
    let run = events.filter { $0.repeats > 1 }
    #expect(run.count == length)
    #expect(run.allSatisfy { $0.cycle == UInt8(length) })
    #expect(Array(events.suffix(length)).map(\.sequence) == run.map(\.sequence))
    #expect(events.reduce(0) { $0 + Int($1.repeats) } == 999 * length + 2)
    #expect(run[0].repeats == run[1].repeats)
    #expect(run[1].firstReturn - run[0].firstReturn == 2000)
    #expect(run[0].timeInside == UInt64(run[0].repeats) * 1000)
    #expect(run.map(\.exited).max() == spin.now)
  }

  @Test func aCycleThatBeginsHasOnlyTheCallsThatItCameTo() throws {
    let spin = try Spin()
    for _ in 0..<3 {
      spin.poll(0)
      spin.emptyRead(0)
    }
    #expect(spin.poll(0))
    #expect(try spin.events().map(\.cycle) == [1, 1, 1, 1, 1, 1, 2])
    #expect(spin.emptyRead(0))
    let events = try spin.events()
    #expect(events.suffix(2).map(\.repeats) == [1, 1])
    #expect(events.last?.entered == spin.now - 1000)
    #expect(events.last?.sequence == 7)
  }

  @Test func whatSleepsDoesNotTakeTurns() throws {
    let spin = try Spin()
    for _ in 0..<100 {
      spin.poll(0)
      spin.begin(0, .nanosleep, .sleep(30_000_000))
      spin.end(0, .nanosleep, 0, .sleep(30_000_000), took: 30_000_000)
    }
    #expect(try spin.events().count == 200)
    // What finds its answer at once does not sleep: it waits for a processor.
    for _ in 0..<100 {
      spin.poll(2)
      spin.emptyRead(2, took: 30_000_000)
    }
    #expect(try spin.events().count == 208)
    // By itself it may: a loop that sleeps.
    for _ in 0..<100 { spin.poll(1, took: 30_000_000) }
    let run = try #require(try spin.events().last)
    #expect(run.repeats == 96)
    #expect(run.inside == 96 * 30_000_000)
  }

  @Test func anythingThatMattersEndsAllRuns() throws {
    let spin = try Spin()
    for _ in 0..<100 { spin.poll(0) }
    spin.writer.write(
      Event(thread: ThreadID(0), entered: spin.now, exited: spin.now, body: .usage(running: 1, waiting: 2)),
      arena: spin.arena)
    #expect(spin.poll(0))
    spin.begin(1, .write, .plain)
    spin.end(1, .write, 1, .transfer(Transfer(fd: 4, direction: .output, requested: 1)))
    #expect(!spin.poll(0))
    spin.writer.write(
      Event(
        thread: ThreadID(2), entered: spin.now, exited: spin.now,
        body: .signal(SignalDelivery(number: 15, code: 0, sender: 1))), arena: spin.arena)
    for _ in 0..<100 { spin.poll(0) }
    #expect(try spin.events().map(\.repeats).filter { $0 > 1 } == [97, 96])
    #expect(try spin.calls(0) == 202)
  }

  @Test func theFileTellsWhoIsInsideOfACall() throws {
    let spin = try Spin()
    spin.begin(1, .read, Spin.read(5))
    #expect(try spin.events().isEmpty)
    spin.writer.flushBegins()
    #expect(try spin.events().map(\.phase) == [.begin])
    for _ in 0..<5000 { spin.poll(0) }
    spin.begin(0, .poll, spin.poll(3, returned: []))
    spin.writer.flushBegins()
    let inside = try spin.events().filter { $0.phase == .begin }
    #expect(Set(inside.map(\.thread)) == [ThreadID(0), ThreadID(1)])
    #expect(try spin.calls(0) == 5000)
    // The sleeper's begin is written for good at last, and costs no more.
    #expect(try spin.events().count == 7)
    // What happens in between stands in between.
    spin.begin(2, .write, .transfer(Transfer(fd: 4, direction: .output, requested: 1)))
    spin.end(2, .write, 1, .transfer(Transfer(fd: 4, direction: .output, requested: 1)))
    spin.end(0, .poll, 1, spin.poll(3, returned: .input))
    spin.end(1, .read, 1, Spin.read(5))
    let events = try spin.events()
    #expect(events.suffix(4).map(\.phase) == [.begin, .whole, .end, .end])
    #expect(events.suffix(4).map { Int($0.thread.index) } == [0, 2, 0, 1])
    #expect(events.last?.entered == 1_001_000)
    #expect(events.map(\.sequence) == events.indices.map { UInt64($0) })
  }

  /// A killed writer leaves some of an update's stores undone: the last ones.
  @Test(arguments: [1, 2]) func halfAnUpdateIsHarmless(_ length: Int) throws {
    let spin = try Spin()
    for _ in 0..<50 {
      spin.poll(0)
      if length == 2 { spin.emptyRead(0) }
    }
    let calls = try spin.calls(0)
    let before = Array(try Data(contentsOf: URL(filePath: spin.path)))
    spin.poll(0, took: 77_000)
    let after = Array(try Data(contentsOf: URL(filePath: spin.path)))
    var groups: [Range<Int>] = []
    for place in before.indices where before[place] != after[place] {
      if let last = groups.last, last.upperBound == place {
        groups[groups.count - 1] = last.lowerBound..<place + 1
      } else {
        groups.append(place..<place + 1)
      }
    }
    // The header's last time, repeats, span, inside; the first two are stored last. Behind the chunk's length there may be more.
    #expect(groups.count >= 4)
    guard groups.count >= 4 else { return }
    var torn = before
    for place in [2, 3, 1, 0] {
      torn.replaceSubrange(groups[place], with: after[groups[place]])
      let path = temporaryTrace()
      defer { try? FileManager.default.removeItem(atPath: path) }
      try Data(torn).write(to: URL(filePath: path))
      let read = try readAll(path)
      #expect(read.reader.damage == nil)
      let told = read.events.reduce(0) { $0 + Int($1.repeats) }
      #expect(told == (place > 1 ? calls : calls + 1))
      #expect(read.events.allSatisfy { $0.repeats == 1 || $0.inside <= $0.exited - $0.entered })
    }
  }
}
