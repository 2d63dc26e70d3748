// Hand-written events for tests of the model: who calls what, in order, without a kernel.

import Trace

/// A trace in memory. Times are ns, a microsecond apart.
public struct Script {
  public var tables = TraceTables()
  public private(set) var events: [Event] = []
  public var arena = Arena()
  private var clock: Nanoseconds = 0
  private var threadCount = 0
  private var processCount = 0

  /// Starts with a root process (pid 100) that has exec'd.
  public init() throws {
    let root = try add(tid: 100, pid: 100, process: ProcessID(0))
    processCount = 1
    emit(root, .start(Start(parent: .unknown, flags: 0)))
    call(root, .execve, 0, .exec(Exec(path: .empty, arguments: .empty, caller: .unknown)))
  }

  public let root = ThreadID(0)

  private mutating func add(tid: Int32, pid: Int32, process: ProcessID) throws -> ThreadID {
    let id = ThreadID(threadCount)
    threadCount += 1
    try tables.define(id, ThreadRecord(tid: tid, generation: 0, process: process, pid: pid))
    return id
  }

  /// A forked process; `flags` as clone's.
  public mutating func fork(_ parent: ThreadID, pid: Int32, flags: UInt64 = 0) throws -> ThreadID {
    let child = try add(tid: pid, pid: pid, process: ProcessID(processCount))
    processCount += 1
    emit(child, .start(Start(parent: parent, flags: flags)))
    return child
  }

  /// A thread of the same process, which shares its descriptors.
  public mutating func thread(_ parent: ThreadID, tid: Int32) throws -> ThreadID {
    let record = tables.thread(parent)!
    let child = try add(tid: tid, pid: record.pid, process: record.process)
    emit(child, .start(Start(parent: parent, flags: 0x10F00)))
    return child
  }

  public mutating func emit(_ thread: ThreadID, _ body: Event.Body) {
    clock += 1000
    append(Event(thread: thread, entered: clock, exited: clock, body: body))
  }

  public mutating func call(
    _ thread: ThreadID, _ syscall: Syscall, _ result: Int64, _ operation: Operation, phase: Event.Phase = .whole
  ) {
    clock += 1000
    append(
      Event(
        thread: thread, phase: phase, entered: clock, exited: clock,
        body: .call(syscall, phase == .begin ? .pending : CallResult(result), operation)))
  }

  private mutating func append(_ event: Event) {
    var event = event
    event.sequence = UInt64(events.count)
    events.append(event)
  }

  public mutating func pipe(_ thread: ThreadID, _ read: FD, _ write: FD, flags: UInt32 = 0) {
    call(thread, .pipe2, 0, .pipe(read: read, write: write, flags: flags, inode: UInt64(1000 + Int(read))))
  }

  public mutating func write(_ thread: ThreadID, _ fd: FD, _ bytes: [UInt8], phase: Event.Phase = .whole) {
    var transfer = Transfer(fd: fd, direction: .output, requested: UInt64(bytes.count))
    transfer.payload = arena.add(bytes: bytes)
    call(thread, .write, Int64(bytes.count), .transfer(transfer), phase: phase)
  }

  public mutating func read(_ thread: ThreadID, _ fd: FD, _ size: UInt64, _ result: Int64) {
    call(thread, .read, result, .transfer(Transfer(fd: fd, direction: .input, requested: size)))
  }

  public mutating func poll(_ thread: ThreadID, _ fd: FD, returned: Readiness, phase: Event.Phase = .whole) {
    let entries = arena.add(waits: [WaitEntry(fd: fd, asked: [.input], returned: returned)])
    call(
      thread, .poll, returned.isEmpty ? 0 : 1, .wait(Wait(epoll: -1, entries: entries, timeout: -1)), phase: phase)
  }
}
