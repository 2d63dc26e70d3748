// The stage of a made-up trace: the writer, the clock, chance, and who is on it. Scenes say who calls what; the stage says when,
// and writes it down as a recorder would: a call that others overlap as a begin and an end.

import Trace

/// Chance that comes out the same for the same seed (SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
struct Chance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }
  mutating func happens(oneIn count: Int) -> Bool { below(count) == 0 }
}

/// A thread on the stage.
struct Actor {
  var thread: ThreadID
  var process: ProcessID
  var tid: Int32
  var pid: Int32
  var born: Nanoseconds
}

/// A call that its thread is still inside of.
struct OpenCall {
  var actor: Actor
  var syscall: Syscall
  var operation: Operation
  var entered: Nanoseconds
}

final class Stage {
  let writer: TraceWriter
  var chance: Chance
  private(set) var clock: Nanoseconds = 0
  private var arena = Arena()
  private var threads = 0
  private var processes = 0
  private var inodes: UInt64 = 1000
  /// Kernel numbers go round, as pid_max makes them.
  private var nextNumber: Int32 = 1000
  private var generations: [Int32: UInt32] = [:]

  init(path: String, seed: UInt64) throws {
    writer = try TraceWriter(path: path, header: TraceHeader(started: 1_700_000_000_000_000_000))
    chance = Chance(state: seed)
  }

  /// Lets time pass: `least` ns and up to three times as much.
  func pass(_ least: Int) { clock += UInt64(least + chance.below(2 * least)) }

  func inode() -> UInt64 {
    inodes += 1
    return inodes
  }

  func text(_ text: String) -> StringID { writer.intern(Array(text.utf8)) }

  // MARK: Who is on it

  func start(in process: Actor? = nil, parent: Actor?, flags: UInt64 = 0) -> Actor {
    nextNumber = nextNumber >= 32768 ? 300 : nextNumber + 1
    let generation = generations[nextNumber, default: 0]
    generations[nextNumber] = generation + 1
    let actor = Actor(
      thread: ThreadID(threads), process: process?.process ?? ProcessID(processes), tid: nextNumber,
      pid: process?.pid ?? nextNumber, born: clock)
    threads += 1
    if process == nil { processes += 1 }
    writer.define(
      actor.thread,
      ThreadRecord(tid: actor.tid, generation: generation, process: actor.process, pid: actor.pid))
    emit(actor, .start(Start(parent: parent?.thread ?? .unknown, flags: flags)))
    return actor
  }

  /// fork: the parent's call begins, the child is born, and the call returns its pid.
  func fork(_ parent: Actor) -> Actor {
    let call = begin(parent, .clone, .spawn(flags: 0x1200011, child: .unknown))
    pass(40_000)
    let child = start(parent: parent, flags: 0x1200011)
    end(call, Int64(child.pid), .spawn(flags: 0x1200011, child: child.thread))
    return child
  }

  /// pthread_create.
  func thread(_ parent: Actor) -> Actor {
    let flags: UInt64 = 0x3D0F00
    let call = begin(parent, .clone3, .spawn(flags: flags, child: .unknown))
    pass(20_000)
    let child = start(in: parent, parent: parent, flags: flags)
    end(call, Int64(child.tid), .spawn(flags: flags, child: child.thread))
    return child
  }

  func exec(_ actor: Actor, _ path: String, _ arguments: [String]) {
    arena.removeAll()
    let ids = arguments.map { Int32(bitPattern: text($0).index) }
    let range = arena.add(numbers: ids)
    whole(actor, .execve, 0, .exec(Exec(path: text(path), arguments: range, caller: .unknown)), took: 200_000)
    emit(actor, .name(text(String(path.split(separator: "/").last ?? ""))))
  }

  func exit(_ actor: Actor, status: Int32) {
    _ = begin(actor, .exitGroup, .exit(status: status, group: true))
    emit(actor, .usage(running: (clock - actor.born) / 3, waiting: (clock - actor.born) / 20))
    pass(20_000)
    emit(actor, .end(status: status << 8))
  }

  // MARK: What they do

  func emit(_ actor: Actor, _ body: Event.Body) {
    write(Event(thread: actor.thread, entered: clock, exited: clock, body: body))
  }

  /// A call that nothing overlaps.
  func call(_ actor: Actor, _ syscall: Syscall, _ result: Int64, _ operation: Operation, took: Int = 8_000) {
    arena.removeAll()
    whole(actor, syscall, result, operation, took: took)
  }

  private func whole(_ actor: Actor, _ syscall: Syscall, _ result: Int64, _ operation: Operation, took: Int) {
    let entered = clock
    pass(took)
    write(
      Event(
        thread: actor.thread, entered: entered, exited: clock, body: .call(syscall, CallResult(result), operation)))
    clock += UInt64(chance.below(3_000))
  }

  func begin(_ actor: Actor, _ syscall: Syscall, _ operation: Operation, waits: [WaitEntry] = []) -> OpenCall {
    arena.removeAll()
    let operation = filled(operation, waits: waits)
    write(
      Event(
        thread: actor.thread, phase: .begin, entered: clock, exited: clock,
        body: .call(syscall, .pending, operation)))
    return OpenCall(actor: actor, syscall: syscall, operation: operation, entered: clock)
  }

  func end(_ call: OpenCall, _ result: Int64, _ operation: Operation? = nil, waits: [WaitEntry] = []) {
    pass(4_000)
    arena.removeAll()
    let operation = filled(operation ?? call.operation, waits: waits)
    write(
      Event(
        thread: call.actor.thread, phase: .end, entered: call.entered, exited: clock,
        body: .call(call.syscall, CallResult(result), operation)))
  }

  private func filled(_ operation: Operation, waits: [WaitEntry]) -> Operation {
    guard case .wait(var wait) = operation else { return operation }
    wait.entries = arena.add(waits: waits)
    return .wait(wait)
  }

  func read(_ actor: Actor, _ fd: FD, size: UInt64 = 4096, _ result: Int64, by syscall: Syscall = .read) {
    call(actor, syscall, result, .transfer(Transfer(fd: fd, direction: .input, requested: size)))
  }

  /// Writes `count` bytes; what they are changes from call to call.
  func write(_ actor: Actor, _ fd: FD, _ count: Int, by syscall: Syscall = .write) {
    arena.removeAll()
    let number = chance.next()
    let payload = arena.add(bytes: (0..<min(16, count)).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 & 7))) })
    let transfer = Transfer(fd: fd, direction: .output, requested: UInt64(count), payload: payload)
    whole(actor, syscall, Int64(count), .transfer(transfer), took: 8_000)
  }

  /// Adds one to an eventfd, or wakes by one byte.
  func wake(_ actor: Actor, _ fd: FD, isCounter: Bool) {
    arena.removeAll()
    let payload = arena.add(bytes: isCounter ? [1, 0, 0, 0, 0, 0, 0, 0] : [0])
    let transfer = Transfer(fd: fd, direction: .output, requested: isCounter ? 8 : 1, payload: payload)
    whole(actor, .write, isCounter ? 8 : 1, .transfer(transfer), took: 6_000)
  }

  private func write(_ event: Event) { writer.write(event, arena: arena) }
}
