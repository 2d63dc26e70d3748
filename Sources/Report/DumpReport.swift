// `dump`: one event a line, in strace's look.

import Analysis
import Lineage
import Trace

public struct DumpReport {
  public var filter: EventFilter
  /// Escape sequences for a terminal.
  public var colours: Bool
  /// Whether the locale has more than ASCII.
  public var unicode: Bool

  /// Thread and process as they stand at the begin of lines, by thread; as wide as the widest so far.
  private var names: [String?] = []
  private var widest = 13
  private var framesOf: [StackID: [String]] = [:]

  public init(_ filter: EventFilter, colours: Bool = false, unicode: Bool = true) {
    self.filter = filter
    self.colours = colours
    self.unicode = unicode
  }

  /// `1234/1235      0.001234  write(4, "A", 1) = 1 <0.000021>`, of a run what one call took and
  /// `... 1,234 times in 2.1 s`; or nil for an event that is filtered out. `naming` writes descriptors.
  public mutating func line(
    _ event: Event, arena: Arena, tables: TraceTables, naming: @escaping (FD) -> String = { "\($0)" }
  ) -> String? {
    // A begin is told by its end; what has none is what a thread was in when the trace ended. A stack is told with its call.
    if event.phase == .begin { return nil }
    if case .stack(_, true) = event.body { return nil }
    guard filter.shows(event, arena: arena, tables: tables), var line = start(event, tables) else { return nil }
    line += painted(shown(EventText.single(event, arena: arena, tables: tables, naming: naming)), event)
    if case .call = event.body { line += Paint.dim(" <\(Self.seconds(event.meanTime))>", if: colours) }
    if event.repeats > 1 { line += " \(Paint.bold(shown(EventText.run(event)), if: colours))" }
    return line
  }

  /// The line of a call that never returned.
  public mutating func unfinished(
    _ event: Event, arena: Arena, tables: TraceTables, naming: @escaping (FD) -> String = { "\($0)" }
  ) -> String? {
    guard filter.shows(event, arena: arena, tables: tables), let start = start(event, tables) else { return nil }
    return start + painted(shown(EventText.single(event, arena: arena, tables: tables, naming: naming)), event)
      + Paint.yellow(" <unfinished>", if: colours)
  }

  /// The frames of an event's stack, a line each, innermost first: of a call where it was made, else where the thread ran.
  public mutating func frames(_ event: Event, names: any FrameNaming, tables: TraceTables) -> [String] {
    var stack = event.stack
    if case .stack(let told, false) = event.body { stack = told }
    if stack == .none { return [] }
    if let known = framesOf[stack] { return known }
    let indent = Columns.space(widest + 16)
    let lines = StackNaming(tables: tables, naming: names).frames(of: stack).map { frame in
      Paint.dim("\(indent)\(frame.isBlamed ? ">" : " ") \(shown(frame.words))", if: colours && !frame.isBlamed)
    }
    framesOf[stack] = lines
    return lines
  }

  /// Thread and time, which is as wide as the longest of a trace of eleven days.
  private mutating func start(_ event: Event, _ tables: TraceTables) -> String? {
    guard let who = name(of: event.thread, tables) else { return nil }
    let time = Self.seconds(event.entered)
    return who + Columns.space(14 - time.utf8.count) + Paint.dim(time, if: colours) + "  "
  }

  private mutating func name(of id: ThreadID, _ tables: TraceTables) -> String? {
    if id.position < names.count, let known = names[id.position] { return known }
    guard let thread = tables.thread(id) else { return nil }
    var name = TextReport.who(pid: thread.pid, tid: thread.tid)
    if name.utf8.count > widest {
      widest = name.utf8.count
      names = []
      framesOf = [:]
    }
    name += Columns.space(widest - name.utf8.count)
    while names.count <= id.position { names.append(nil) }
    names[id.position] = name
    return name
  }

  private func shown(_ text: String) -> String { unicode ? text : Columns.ascii(text) }

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

  /// Seconds with six decimals, rounded.
  private static func seconds(_ time: Nanoseconds) -> String {
    let micros = (time &+ 500) / 1000
    return "\(micros / 1_000_000)." + String(1_000_000 + micros % 1_000_000).dropFirst()
  }
}
