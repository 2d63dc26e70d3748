// Threads that do anything in any order: nothing is lost, what matters keeps its order, and whoever was inside of a call
// then is told. The reference reader (tools/read-flt.py), written from the format's page, reads the same.

import Foundation
import Support
import Testing

@testable import Trace

/// What random threads did, and the file that tells it.
private struct RandomTrace {
  struct Call: Equatable {
    var syscall: Syscall
    var result: Int64
    var operation: String
  }

  let path = temporaryTrace()
  var calls: [[Call]]
  /// Calls that changed something, and signals, by thread; and who was inside of a call then.
  var moments: [(what: String, inside: Set<Int>)] = []

  private var state: UInt64
  private var arena = Arena()
  private var now: Nanoseconds = 0
  private var open: [(syscall: Syscall, entered: Nanoseconds, kind: Int)?]
  private static let threads = 5

  init(seed: Int, steps: Int) throws {
    state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    calls = Array(repeating: [], count: Self.threads)
    open = Array(repeating: nil, count: Self.threads)
    let writer = try TraceWriter(path: path, header: TraceHeader(started: 0))
    for thread in 0..<Self.threads {
      writer.define(
        ThreadID(thread), ThreadRecord(tid: Int32(10 + thread), generation: 0, process: ProcessID(0), pid: 10))
    }
    // Some traces spin more, some do more else.
    let busy = 1 + random(60)
    for _ in 0..<steps {
      let thread = random(Self.threads)
      now += UInt64(1 + random(400)) * 100
      if random(2000) == 0 { now += 50_000_000 }
      if random(3) == 0 { writer.flushBegins() }
      if random(300) == 0 { _ = writer.intern(Array("text \(random(1000))".utf8)) }
      if let call = open[thread] {
        end(thread, call, busy, writer)
      } else if random(200) == 0 {
        moments.append(("signal \(thread)", inside()))
        let body = Event.Body.signal(SignalDelivery(number: 1, code: 0, sender: 0))
        writer.write(Event(thread: ThreadID(thread), entered: now, exited: now, body: body), arena: arena)
      } else {
        let kind = random(busy) == 0 ? 2 + random(4) : (thread + calls[thread].count) % 2
        let syscalls: [Syscall] = [.poll, .read, .write, .close, .read, .epollWait]
        open[thread] = (syscalls[kind], now, kind)
        arena.removeAll()
        writer.write(
          Event(
            thread: ThreadID(thread), phase: .begin, entered: now, exited: now,
            body: .call(syscalls[kind], .pending, operation(kind, thread, isBegin: true))), arena: arena)
      }
    }
    try writer.finish()
  }

  private mutating func end(
    _ thread: Int, _ call: (syscall: Syscall, entered: Nanoseconds, kind: Int), _ busy: Int, _ writer: TraceWriter
  ) {
    open[thread] = nil
    arena.removeAll()
    let operation = operation(call.kind, thread, isBegin: false)
    let result: Int64 = [1, -11, 5, 0, Int64(random(3)), Int64(random(2))][call.kind]
    calls[thread].append(Call(syscall: call.syscall, result: result, operation: Self.text(operation, arena)))
    if !operation.isNeutral(CallResult(result)) { moments.append(("\(call.syscall.name) \(thread)", inside())) }
    writer.write(
      Event(
        thread: ThreadID(thread), phase: .end, entered: call.entered, exited: now,
        body: .call(call.syscall, CallResult(result), operation)), arena: arena)
  }

  private func inside() -> Set<Int> { Set(open.indices.filter { open[$0] != nil }) }

  private mutating func operation(_ kind: Int, _ thread: Int, isBegin: Bool) -> Trace.Operation {
    switch kind {
    case 0:
      let entry = WaitEntry(fd: FD(thread), asked: .input, returned: isBegin ? [] : .input)
      return .wait(Wait(epoll: -1, entries: arena.add(waits: [entry]), timeout: -1))
    case 2:
      var transfer = Transfer(fd: 4, direction: .output, requested: 5)
      transfer.payload = arena.add(bytes: [UInt8(thread), 2, 3])
      return .transfer(transfer)
    case 3: return .close(FD(thread))
    case 5:
      let entry = WaitEntry(fd: -1, asked: [], returned: .input, data: UInt64(thread) << 50)
      return .wait(Wait(epoll: 9, entries: arena.add(waits: isBegin ? [] : [entry]), timeout: 5, capacity: 8))
    default: return .transfer(Transfer(fd: FD(kind), direction: .input, requested: 1 << 40))
    }
  }

  static func text(_ operation: Trace.Operation, _ arena: Arena) -> String {
    switch operation {
    case .wait(let wait): "wait \(wait.epoll) \(wait.timeout) \(wait.capacity) \(Array(arena.waits(wait.entries)))"
    case .transfer(let transfer):
      "\(transfer.direction) \(transfer.fd) \(transfer.requested) \(Array(arena.bytes(transfer.payload)))"
    default: "\(operation)"
    }
  }

  private mutating func random(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
}

@Suite struct RandomTraceTests {
  @Test(arguments: 0..<8) func nothingIsLostAndWhatMattersKeepsItsOrder(_ seed: Int) throws {
    let trace = try RandomTrace(seed: seed, steps: 30_000)
    defer { try? FileManager.default.removeItem(atPath: trace.path) }
    let reader = try TraceReader(path: trace.path)
    var calls: [[RandomTrace.Call]] = Array(repeating: [], count: trace.calls.count)
    var open: Set<Int> = []
    var moment = 0
    var folded = 0
    var batch = EventBatch()
    while reader.next(into: &batch) {
      folded += batch.events.reduce(0) { $0 + Int($1.repeats) - 1 }
      for event in Unrolling.events(of: batch) {
        let thread = event.thread.position
        #expect(event.entered <= event.exited)
        if event.phase == .begin { open.insert(thread) } else if case .call = event.body { open.remove(thread) }
        if !event.isNeutral, event.phase != .begin {
          try #require(moment < trace.moments.count)
          #expect(trace.moments[moment].inside.isSubset(of: open))
          moment += 1
        }
        guard case .call(let syscall, let result, let operation) = event.body, event.phase != .begin else { continue }
        calls[thread].append(
          RandomTrace.Call(
            syscall: syscall, result: result.rawValue, operation: RandomTrace.text(operation, batch.arena)))
      }
    }
    #expect(reader.damage == nil)
    #expect(moment == trace.moments.count)
    #expect(calls == trace.calls)
    #expect(folded > 0)
  }

  @Test(arguments: 0..<3) func theReferenceReaderReadsTheSame(_ seed: Int) throws {
    let trace = try RandomTrace(seed: seed, steps: 6000)
    defer { try? FileManager.default.removeItem(atPath: trace.path) }
    try Self.compare(trace.path)
  }

  @Test func theReferenceReaderReadsFormerVersions() throws {
    for name in [
      "founding-pipe.flt", "attached-spin.flt", "tracer-killed.flt", "founding-moved.flt", "gwibber-stacks.flt",
    ] {
      try Self.compare(Victim.repository.appending(path: "traces/\(name)").path)
    }
  }

  private struct Told: Decodable, Equatable {
    var sequence: UInt64
    var thread: UInt32?
    var entered: UInt64
    var exited: UInt64
    var repeats: UInt32
    var cycle: UInt8?
    var inside: UInt64?
    var syscall: UInt16?
    var result: Int64?
  }

  private static func compare(_ path: String) throws {
    let script = Victim.repository.appending(path: "tools/read-flt.py").path
    let output = try Command.run(["python3", script, path])
    #expect(output.status == 0, "\(output.error)")
    let told = try output.output.split(separator: "\n").map {
      try JSONDecoder().decode(Told.self, from: Data($0.utf8))
    }
    let own = try readAll(path).events.map { event in
      var told = Told(
        sequence: event.sequence, thread: event.thread == .unknown ? nil : event.thread.index, entered: event.entered,
        exited: event.exited, repeats: event.repeats)
      if case .call(let syscall, let result, _) = event.body {
        told.syscall = syscall.number
        told.result = result.isPending ? nil : result.rawValue
        // A run that has come to one call of its cycle only is still a run.
        if event.inside > 0 || event.repeats > 1 { (told.cycle, told.inside) = (event.cycle, event.inside) }
      }
      return told
    }
    #expect(told.count == own.count)
    #expect(zip(told, own).first { $0 != $1 }.map { "\($0)" } == nil)
  }
}
