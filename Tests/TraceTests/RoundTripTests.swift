// What is written is read back: every kind of event and operation, begins taken back, chunks that follow one another.

import Foundation
import Testing

@testable import Trace

/// A file of this test's own.
func temporaryTrace() -> String {
  FileManager.default.temporaryDirectory.appending(path: "faultline-\(UUID().uuidString).flt").path
}

func readAll(_ path: String) throws -> (events: [Event], arena: Arena, reader: TraceReader) {
  let reader = try TraceReader(path: path)
  var events: [Event] = []
  var arena = Arena()
  var batch = EventBatch()
  while reader.next(into: &batch) {
    for var event in batch.events {
      arena.adopt(&event, from: batch.arena)
      events.append(event)
    }
  }
  return (events, arena, reader)
}

@Suite struct RoundTripTests {
  private static let operations: [Trace.Operation] = [
    .plain, .pipe(read: 3, write: 4, flags: 0o2000000, inode: 4711),
    .create(.eventfd, flags: 1, value: UInt64.max, fd: -1), .socketPair(first: 5, second: 6, domain: 1, type: 2),
    .socket(domain: 2, type: 1), .connect(7, address: StringID(1)), .bind(7, address: StringID(1)), .listen(7),
    .accept(7, flags: 0o4000), .shutdown(7, how: 2), .duplicate(from: 1, to: -1, closeOnExec: true),
    .setCloseOnExec(3, true), .setNonblocking(3, false), .control(3, command: 1024), .lock(3, operation: 6),
    .close(2_000_000_000), .closeRange(first: 3, last: UInt32.max, flags: 6),
    .open(path: StringID(1), flags: 2, kind: .fifo, inode: 99),
    .epollControl(epoll: 3, op: 1, fd: 4, events: [.input, .edgeTriggered], data: UInt64.max),
    .move(from: 3, to: 4, requested: 1 << 40, consumes: true), .setTimer(3),
    .takeDescriptor(pidfd: 3, remote: 4, owner: ThreadID(0)), .spawn(flags: 0x3D0F00, child: ThreadID(1)),
    .unshare(flags: 0x400), .exit(status: -1, group: true), .sendSignal(target: -5, signal: 15),
    .signalAction(signal: 15, SignalDisposition(action: .handler, handler: 1 << 46, flags: 0x1400_0000)),
    .signalReturn, .sleep(1_000_000), .waitChild(pid: -1), .ring(entries: 8),
    .futex(address: UInt64.max, operation: 0x189, value: UInt32.max),
  ]

  private static let others: [Event.Body] =
    [
      .start(Start(parent: .unknown, flags: 0)), .end(status: 0x7F), .handlerLeft(signal: 14),
      .signal(SignalDelivery(number: 15, code: -6, sender: 123)), .usage(running: 1, waiting: 2),
      .existing(
        ExistingDescriptor(fd: 0, kind: .tty, link: StringID(1), inode: 3, flags: 0o100002, sameAs: -1)),
      .existing(
        ExistingDescriptor(
          fd: 5, kind: .eventfd, link: StringID(1), inode: 12, flags: 0o2004002, sameAs: 3, sameIn: ThreadID(1),
          waiting: UInt64.max - 1)),
      .name(StringID(1)), .givenName(.process, StringID(1)),
      .existingThread(
        ExistingThread(parent: ThreadID(1), files: .unknown, execed: true, path: StringID(1), arguments: .empty)),
      .missing(7),
      .interest(epoll: 6, fd: 3, events: [.input, .hangup, .edgeTriggered], data: UInt64.max),
      .handlers(caught: 1 << 63, ignored: 1 << 12, installer: ThreadID(1)),
      .outsider(
        Outsider(pid: 4711, name: StringID(1), fd: 9, kind: .socket, inode: 1 << 40, flags: 0o2000001)),
      .running(module: StringID(1), offset: 0x1160), .running(module: .empty, offset: UInt64.max),
      .lockedBy(tid: 11), .scope(.wakeups), .armed([.reads, .closes], first: 3, last: 34),
      .counter(name: StringID(1), value: 1 << 40),
    ] + BlindSpot.allCases.map { .blindSpot($0, detail: StringID(1)) } + [carried]

  /// As a trace tells it that has let go of its older part.
  private static var carried: Event.Body {
    var found = ExistingDescriptor(
      fd: 9, kind: .socketpair, link: .empty, inode: ExistingDescriptor.ownIdentity | 7, flags: 2, sameAs: -1)
    found.traits = [.second, .datagram, .local]
    return .existing(found)
  }

  private func written(_ body: (TraceWriter) -> Void) throws -> (events: [Event], arena: Arena, reader: TraceReader) {
    let path = temporaryTrace()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = try TraceWriter(path: path, header: TraceHeader(started: 1_700_000_000_000_000_000))
    writer.define(ThreadID(0), ThreadRecord(tid: 10, generation: 0, process: ProcessID(0), pid: 10))
    writer.define(ThreadID(1), ThreadRecord(tid: 11, generation: 2, process: ProcessID(0), pid: 10))
    _ = writer.intern(Array("a text".utf8))
    body(writer)
    try writer.finish()
    return try readAll(path)
  }

  @Test func everyOperationComesBack() throws {
    let read = try written { writer in
      for (place, operation) in Self.operations.enumerated() {
        let time = UInt64(place * 1000)
        var event = Event(
          thread: ThreadID(place % 2), entered: time, exited: time + 500, repeats: UInt32(place + 1),
          body: .call(Syscall(place), CallResult(Int64(place) - 5), operation))
        if event.repeats > 1 {
          event.span = 400
          event.inside = 300
        }
        writer.write(event, arena: Arena())
      }
    }
    #expect(read.reader.isComplete)
    #expect(read.reader.header.started == 1_700_000_000_000_000_000)
    #expect(read.reader.tables.text(StringID(1)) == "a text")
    #expect(read.reader.tables.thread(ThreadID(1))?.generation == 2)
    #expect(read.events.count == Self.operations.count)
    for (place, event) in read.events.enumerated() {
      guard case .call(let syscall, let result, let operation) = event.body else {
        Issue.record("event \(place) is no call")
        continue
      }
      #expect(event.sequence == UInt64(place))
      #expect(event.entered == UInt64(place * 1000))
      #expect(event.exited == UInt64(place * 1000 + 500))
      #expect(event.timeInside == (place > 0 ? 300 : 500))
      #expect(event.firstReturn == UInt64(place * 1000 + (place > 0 ? 100 : 500)))
      #expect(event.repeats == UInt32(place + 1))
      #expect(syscall == Syscall(place))
      #expect(result == CallResult(Int64(place) - 5))
      #expect("\(operation)" == "\(Self.operations[place])")
    }
  }

  @Test func everyOtherEventComesBack() throws {
    let read = try written { writer in
      for body in Self.others {
        writer.write(Event(thread: ThreadID(0), entered: 5, exited: 5, body: body), arena: Arena())
      }
    }
    #expect(read.events.map { "\($0.body)" } == Self.others.map { "\($0)" })
  }

  @Test func stacksComeBack() throws {
    let modules = [
      ModuleRecord(path: StringID(1), buildID: [0, 1, 255]), ModuleRecord(path: .empty, buildID: []),
    ]
    let frames: [FrameRecord] = [
      .native(module: ModuleID(1), address: UInt64.max), .native(module: .none, address: 0),
      .python(function: StringID(1), file: .empty, line: Int32.max),
    ]
    let python = [
      StackRecord.PythonFrame(frame: FrameID(2), isEntry: true), .init(frame: FrameID(2), isEntry: false),
    ]
    let stacks = [
      StackRecord(native: [FrameID(0), FrameID(1)], python: python, interrupted: [0, 1], isCut: true),
      StackRecord(native: [], python: []),
    ]
    let names = [
      FrameName(function: StringID(1), file: StringID(1), line: 7), .init(function: .empty, file: .empty, line: 0),
    ]
    let read = try written { writer in
      for (place, module) in modules.enumerated() { writer.define(.module(ModuleID(place), module)) }
      for (place, frame) in frames.enumerated() { writer.define(.frame(FrameID(place), frame)) }
      for (place, stack) in stacks.enumerated() { writer.define(.stack(StackID(place), stack)) }
      writer.define(.name(FrameID(0), names))
      for place in stacks.indices {
        writer.write(
          Event(thread: ThreadID(0), entered: 5, exited: 5, body: .stack(StackID(place), isOfCall: place == 0)),
          arena: Arena())
      }
    }
    let tables = read.reader.tables
    #expect(read.reader.damage == nil)
    #expect(tables.modules == modules)
    #expect(tables.frames == frames)
    #expect(tables.stacks == stacks)
    #expect(tables.frameNames == [FrameID(0): names])
    #expect(read.events.map { "\($0.body)" } == (0...1).map { "\(Event.Body.stack(StackID($0), isOfCall: $0 == 0))" })
  }

  /// A run that is open does not go on beyond a stack: the next call is told by a record of its own, which the stack belongs to.
  @Test func aStackEndsItsThreadsRun() throws {
    let read = try written { writer in
      func poll(_ time: Nanoseconds) {
        let call = Event.Body.call(.nanosleep, CallResult(0), .sleep(1000))
        writer.write(Event(thread: ThreadID(0), entered: time, exited: time + 100, body: call), arena: Arena())
      }
      writer.define(.stack(StackID(0), StackRecord(native: [], python: [])))
      for turn in 0..<20 { poll(UInt64(turn) * 1000) }
      writer.write(
        Event(thread: ThreadID(0), entered: 20_000, exited: 20_000, body: .stack(StackID(0), isOfCall: true)),
        arena: Arena())
      for turn in 20..<40 { poll(UInt64(turn) * 1000 + 100) }
    }
    let place = try #require(read.events.firstIndex { if case .stack = $0.body { true } else { false } })
    #expect(place > 0 && read.events[..<place].reduce(0) { $0 + $1.repeats } == 20)
    #expect(read.events[place + 1].repeats == 1)
    #expect(read.events[(place + 1)...].reduce(0) { $0 + $1.repeats } == 20)
  }

  @Test func variablePartsComeBack() throws {
    let waits = [
      WaitEntry(fd: 3, asked: [.input], returned: [.input, .hangup]),
      WaitEntry(fd: -1, asked: [.output], returned: [], data: 0),
    ]
    let epolled = [WaitEntry(fd: -1, asked: [], returned: [.input], data: 1 << 60)]
    let read = try written { writer in
      var arena = Arena()
      let poll = Wait(epoll: -1, entries: arena.add(waits: waits), timeout: -1)
      let epoll = Wait(epoll: 9, entries: arena.add(waits: epolled), timeout: 5)
      var transfer = Transfer(fd: 4, direction: .output, requested: 100, flags: 0x40)
      transfer.payload = arena.add(bytes: [0, 1, 255])
      transfer.passed = arena.add(numbers: [7, 8, -1, -1])
      let exec = Exec(path: StringID(1), arguments: arena.add(numbers: [1, 1]), caller: .unknown)
      let found = ExistingThread(
        parent: .unknown, files: ThreadID(1), execed: false, path: .empty, arguments: arena.add(numbers: [1, 0, 1]))
      let operations: [Trace.Operation] = [.wait(poll), .wait(epoll), .transfer(transfer), .exec(exec)]
      for operation in operations {
        writer.write(
          Event(thread: ThreadID(0), entered: 1, exited: 2, body: .call(.poll, CallResult(1), operation)), arena: arena)
      }
      writer.write(Event(thread: ThreadID(0), entered: 3, exited: 3, body: .existingThread(found)), arena: arena)
    }
    guard case .call(_, _, .wait(let poll)) = read.events[0].body,
      case .call(_, _, .wait(let epoll)) = read.events[1].body,
      case .call(_, _, .transfer(let transfer)) = read.events[2].body,
      case .call(_, _, .exec(let exec)) = read.events[3].body,
      case .existingThread(let found) = read.events[4].body
    else {
      Issue.record("the events are others")
      return
    }
    #expect(Array(read.arena.waits(poll.entries)) == waits)
    #expect(Array(read.arena.waits(epoll.entries)) == epolled)
    #expect(epoll.epoll == 9)
    #expect(Array(read.arena.bytes(transfer.payload)) == [0, 1, 255])
    #expect(Array(read.arena.numbers(transfer.passed)) == [7, 8, -1, -1])
    #expect(Array(read.arena.numbers(exec.arguments)) == [1, 1])
    #expect(Array(read.arena.numbers(found.arguments)) == [1, 0, 1])
  }

  private func call(_ phase: Event.Phase, _ thread: Int, _ entered: UInt64, _ exited: UInt64) -> Event {
    Event(
      thread: ThreadID(thread), phase: phase, entered: entered, exited: exited,
      body: .call(.read, phase == .begin ? .pending : CallResult(1), .plain))
  }

  @Test func aCallThatNothingOverlapsIsOneRecord() throws {
    let read = try written { writer in
      writer.write(call(.begin, 0, 1000, 1000), arena: Arena())
      writer.write(call(.end, 0, 1000, 2000), arena: Arena())
      writer.write(call(.begin, 0, 3000, 3000), arena: Arena())
      writer.write(call(.begin, 1, 3100, 3100), arena: Arena())
      writer.write(call(.end, 0, 3000, 4000), arena: Arena())
    }
    // A begin is written when something happens that it may matter for; the second's is, since the trace ends.
    #expect(read.events.map(\.phase) == [.whole, .begin, .whole])
    #expect(read.events.map(\.sequence) == [0, 1, 2])
    #expect(read.events.map(\.entered) == [1000, 3100, 3000])
  }

  @Test func manyChunksFollowOneAnother() throws {
    let count = 40_000
    let read = try written { writer in
      for place in 0..<count {
        writer.write(call(.whole, place % 2, UInt64(place) * 700, UInt64(place) * 700 + 300), arena: Arena())
      }
    }
    #expect(read.events.count == count)
    #expect(read.events.last?.exited == UInt64(count - 1) * 700 + 300)
    #expect(read.events.last?.sequence == UInt64(count - 1))
  }
}
