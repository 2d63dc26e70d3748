// `dump`: one event a line, in strace's look.

import Analysis
import Lineage
import Trace

public struct DumpReport {
  /// Only events of this process, if given.
  public var pid: Int32?
  /// Only events that name this descriptor, if given.
  public var fd: FD?

  public init(pid: Int32?, fd: FD?) {
    self.pid = pid
    self.fd = fd
  }

  /// `1234/1235   0.001234 write(4, "A", 1) = 1 <0.000021>`, of a run what one call took and
  /// `... 1,234 times in 2.1 s`; or nil for an event that is filtered out.
  public func line(_ event: Event, arena: Arena, tables: TraceTables) -> String? {
    // A begin is told by its end; what has none is what a thread was in when the trace ended.
    guard let thread = tables.thread(event.thread), pid == nil || thread.pid == pid else { return nil }
    if event.phase == .begin { return nil }
    if let fd, !Self.names(fd, event, arena: arena) { return nil }
    var line = who(thread) + "  " + Self.column(Self.seconds(event.entered), 12) + "  "
    line += EventText.single(event, arena: arena, tables: tables)
    if case .call = event.body { line += " <\(Self.seconds(event.meanTime))>" }
    if event.repeats > 1 { line += " \(EventText.run(event))" }
    return line
  }

  /// Whether the event is none that is filtered out by its process; a stack names no descriptor.
  public func isShown(_ event: Event, tables: TraceTables) -> Bool {
    fd == nil && tables.thread(event.thread).map { pid == nil || $0.pid == pid } ?? false
  }

  /// The frames of an event that tells a stack, a line each, innermost first.
  public static func frames(_ event: Event, names: any FrameNaming, tables: TraceTables) -> [String] {
    guard case .stack(let stack, _) = event.body else { return [] }
    return StackNaming(tables: tables, naming: names).frames(of: stack).map { frame in
      String(repeating: " ", count: 29) + "\(frame.isBlamed ? ">" : " ") \(frame.words)"
    }
  }

  /// The line of a call that never returned.
  public func unfinished(_ event: Event, arena: Arena, tables: TraceTables) -> String? {
    guard let thread = tables.thread(event.thread), pid == nil || thread.pid == pid else { return nil }
    if let fd, !Self.names(fd, event, arena: arena) { return nil }
    return who(thread) + "  " + Self.column(Self.seconds(event.entered), 12) + "  "
      + EventText.line(event, arena: arena, tables: tables) + " <unfinished>"
  }

  private func who(_ thread: ThreadRecord) -> String {
    Self.column(thread.tid == thread.pid ? "\(thread.pid)" : "\(thread.pid)/\(thread.tid)", 13)
  }

  private static func column(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func seconds(_ time: Nanoseconds) -> String { Duration.fixed(Double(time) / 1e9, 6) }

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
