// Which events somebody wants to see.

import Lineage
import Trace

public struct EventFilter: Sendable {
  /// Only events of this process, or of this thread.
  public var pid: Int32?
  /// Only events that name this descriptor.
  public var fd: FD?
  /// Only these calls; empty for whatever event.
  public var syscalls: Set<Syscall> = []
  /// Only calls that failed.
  public var isFailed = false
  /// Only what lies at least in part within this time of the trace.
  public var since: Nanoseconds = 0
  public var until: Nanoseconds = .max

  public init() {}

  public func shows(_ event: Event, arena: Arena, tables: TraceTables) -> Bool {
    guard event.time >= since, event.entered <= until else { return false }
    if let pid {
      guard let thread = tables.thread(event.thread), thread.pid == pid || thread.tid == pid else { return false }
    }
    if !syscalls.isEmpty || isFailed {
      guard case .call(let syscall, let result, _) = event.body else { return false }
      if !syscalls.isEmpty, !syscalls.contains(syscall) { return false }
      if isFailed, !result.failed { return false }
    }
    if let fd { return Self.names(fd, event, arena: arena) }
    return true
  }

  /// Whether the event's call is about the descriptor.
  static func names(_ fd: FD, _ event: Event, arena: Arena) -> Bool {
    guard case .call(_, let result, let operation) = event.body else {
      if case .existing(let found) = event.body { return found.fd == fd }
      return false
    }
    switch operation {
    case .pipe(let read, let write, _, _): return fd == read || fd == write
    case .create, .socket, .open: return result.rawValue == Int64(fd)
    case .socketPair(let first, let second, _, _): return fd == first || fd == second
    case .connect(let on, _), .bind(let on, _), .listen(let on), .shutdown(let on, _), .setCloseOnExec(let on, _),
      .setNonblocking(let on, _), .control(let on, _), .lock(let on, _), .close(let on), .setTimer(let on):
      return on == fd
    case .accept(let on, _): return on == fd || result.rawValue == Int64(fd)
    case .duplicate(let from, _, _): return from == fd || result.rawValue == Int64(fd)
    case .closeRange(let first, let last, _): return fd >= 0 && (first...max(first, last)).contains(UInt32(fd))
    case .epollControl(let epoll, _, let target, _, _): return epoll == fd || target == fd
    case .wait(let wait): return wait.epoll == fd || arena.waits(wait.entries).contains { $0.fd == fd }
    case .transfer(let transfer): return transfer.fd == fd || arena.numbers(transfer.passed).contains(fd)
    case .move(let from, let to, _, _): return from == fd || to == fd
    case .takeDescriptor(let pidfd, let remote, _):
      return pidfd == fd || remote == fd || result.rawValue == Int64(fd)
    default: return false
    }
  }
}
