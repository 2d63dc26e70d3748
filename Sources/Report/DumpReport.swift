// `dump`: one event a line, in strace's look.

import Analysis
import Lineage
import Trace

public struct DumpReport {
  public var filter: EventFilter
  /// Escape sequences for a terminal.
  public var colours: Bool

  public init(_ filter: EventFilter, colours: Bool = false) {
    self.filter = filter
    self.colours = colours
  }

  /// `1234/1235      0.001234  write(4, "A", 1) = 1 <0.000021>`, of a run what one call took and
  /// `... 1,234 times in 2.1 s`; or nil for an event that is filtered out.
  public func line(_ event: Event, arena: Arena, tables: TraceTables) -> String? {
    // A begin is told by its end; what has none is what a thread was in when the trace ended.
    guard event.phase != .begin, filter.shows(event, arena: arena, tables: tables) else { return nil }
    return start(event, tables).map { start in
      var line = start + painted(EventText.single(event, arena: arena, tables: tables), event)
      if case .call = event.body { line += Paint.dim(" <\(Self.seconds(event.meanTime))>", if: colours) }
      if event.repeats > 1 { line += " \(Paint.bold(EventText.run(event), if: colours))" }
      return line
    }
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
    guard filter.shows(event, arena: arena, tables: tables) else { return nil }
    return start(event, tables).map { start in
      start + painted(EventText.line(event, arena: arena, tables: tables), event)
        + Paint.yellow(" <unfinished>", if: colours)
    }
  }

  /// Thread and time, which is as wide as the longest of a trace of eleven days.
  private func start(_ event: Event, _ tables: TraceTables) -> String? {
    guard let thread = tables.thread(event.thread) else { return nil }
    let who = thread.tid == thread.pid ? "\(thread.pid)" : "\(thread.pid)/\(thread.tid)"
    let time = Self.seconds(event.entered)
    return who + Self.space(13 - who.utf8.count) + Self.space(14 - time.utf8.count) + Paint.dim(time, if: colours)
      + "  "
  }

  /// The call's name, and what it failed with, stand out; what is no call stands back, but for signals.
  private func painted(_ text: String, _ event: Event) -> String {
    guard colours else { return text }
    switch event.body {
    case .call(_, let result, _):
      guard let open = text.firstIndex(of: "(") else { return text }
      let rest = text[open...]
      // No error's name has an equals sign in it.
      guard result.failed, let equals = rest.lastIndex(of: "=") else {
        return Paint.cyan(text[..<open], if: true) + rest
      }
      return Paint.cyan(text[..<open], if: true) + rest[...equals]
        + Paint.red(rest[rest.index(after: equals)...], if: true)
    case .signal, .blindSpot: return Paint.yellow(text, if: true)
    case .start, .end, .existingThread: return Paint.bold(text, if: true)
    default: return Paint.dim(text, if: true)
    }
  }

  private static func space(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

  private static func seconds(_ time: Nanoseconds) -> String { Duration.fixed(Double(time) / 1e9, 6) }
}
