// Opening a trace for the commands that read one: errors in one line, progress for what takes long.

import Analysis
import ArgumentParser
import CLinux
import Glibc
import StraceLog
import Trace

enum TraceFile {
  /// A .flt file, or a log of strace's, whichever it is by its content.
  static func open(_ path: String) throws -> any EventSource {
    let file = try InputStream.file(path)
    if let refusal = InputLog.lookalike(file, as: path) { throw refusal }
    if !TraceReader.recognises(path: file), let log = try InputLog.open(file) { return log }
    do {
      return try TraceReader(path: file)
    } catch {
      // Under the name that the user knows.
      var known = error
      if case .notATrace = error { known = .notATrace(path: path) }
      throw Console.fail("\(known)", ExitStatus.of(known))
    }
  }

  /// What keeps a file from being read, if anything does.
  static func whyUnreadable(_ path: String) -> TraceError? {
    do {
      _ = try TraceReader(path: path)
    } catch .unreadable(let path, let errno) {
      return .unreadable(path: path, errno: errno)
    } catch {}
    return nil
  }

  /// Analyses a trace, with a warning if it is not whole.
  static func analyze(
    _ path: String, detail: TimelineDetail = .brief, warns: Bool = true, verbose: Bool = false
  ) throws -> Analysis {
    let reader = try open(path)
    clinux_return_large_blocks()
    let progress = Progress("analysing \(path)")
    var analysis = Analyzer.analyze(reader, detail: detail) { progress.show($0) }
    let names = NativeNames()
    analysis.name(by: names, tables: reader.tables)
    analysis.blindSpots += names.refusals.map { "names of functions in \($0)" }
    progress.end()
    if warns { warn(reader, path, verbose: verbose) }
    return analysis
  }

  static func warn(_ reader: any EventSource, _ path: String, verbose: Bool = false) {
    if let log = reader as? StraceReader { InputLog.tell(log, path, verbose: verbose) }
    if let damage = reader.damage {
      Console.say("warning: \(path) is incomplete: \(damage)")
    } else if !reader.isComplete {
      Console.say("warning: \(path) is incomplete: the tracer did not finish it; read up to its last event")
    }
  }

  /// The file beside a trace that has this ending instead of `.flt`; of standard input one in the current folder.
  static func path(beside trace: String, ending: String) -> String {
    if trace == "-" { return "trace" + ending }
    return (trace.hasSuffix(".flt") ? String(trace.dropLast(4)) : trace) + ending
  }
}

/// A bar on a terminal, from the first second on.
final class Progress {
  private static let cells = 24

  private let what: String
  private let began = Clock.monotonic()
  private let isShown = Console.isTerminal(STDERR_FILENO)
  private var last = -1

  /// A line that does not fit is not overwritten by the next: of a long path the end is shown.
  init(_ what: String) { self.what = what.count > 40 ? "…" + what.suffix(39) : what }

  func show(_ part: Double) {
    let percent = Int(part * 100)
    guard isShown, percent != last, Clock.monotonic() - began >= 1_000_000_000 else { return }
    last = percent
    let done = min(Self.cells, Int(part * Double(Self.cells)))
    let bar = String(repeating: "#", count: done) + String(repeating: "-", count: Self.cells - done)
    Console.show("\r\(what) [\(bar)] \(percent) %")
  }

  func end() { if last >= 0 { Console.show("\r\u{1B}[K") } }
}
