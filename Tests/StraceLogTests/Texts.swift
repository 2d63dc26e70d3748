// Texts as the parsers see them, and logs as the analyzer does.

import Analysis
import Foundation
import Support
import Trace

@testable import StraceLog

/// Foundation has one, too.
typealias Scanner = StraceLog.Scanner

/// Calls `body` with a scanner over the text.
func scanning<Result>(_ text: String, _ body: (StraceLog.Scanner) throws -> Result) rethrows -> Result {
  var bytes = Array(text.utf8)
  // An empty text has an address, too.
  bytes.append(0)
  return try bytes.withUnsafeBufferPointer { try body(StraceLog.Scanner($0.baseAddress!, 0..<(bytes.count - 1))) }
}

extension StraceLog.Scanner {
  func string(_ range: Range<Int>) -> String { String(decoding: text(range), as: UTF8.self) }
}

/// A log that was read to its end.
struct ReadLog {
  var analysis: Analysis
  var unread: [UnreadKind: Int]
  /// `tid name = result` of each call, `...` for one that has not returned.
  var calls: [String] = []

  /// What faultline takes for a log at all.
  var isRecognised = false

  init(_ text: String) throws { try self.init(bytes: Array(text.utf8)) }

  init(bytes: [UInt8]) throws {
    let path = Command.temporary(".log")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(filePath: path))
    isRecognised = StraceReader.recognises(path: path)
    let reader = try StraceReader(paths: [path])
    analysis = Analyzer.analyze(reader)
    unread = reader.unread.counts
    let again = try StraceReader(paths: [path])
    var batch = EventBatch()
    while again.next(into: &batch) {
      for event in batch.events { tell(event, again.tables) }
    }
  }

  private mutating func tell(_ event: Event, _ tables: TraceTables) {
    guard case .call(let syscall, let result, _) = event.body else { return }
    let tid = tables.thread(event.thread)?.tid ?? -1
    switch event.phase {
    case .begin: calls.append("\(tid) \(syscall.name) ...")
    default: calls.append("\(tid) \(syscall.name) = \(result.rawValue)")
    }
  }

  /// `rule severity confidence fd`.
  var findings: [String] {
    analysis.findings.map {
      "\($0.rule.rawValue) \($0.severity) \($0.confidence) \($0.object?.victimFD.map { "\($0)" } ?? "-")"
    }
  }

  /// `pid/tid text` of each thread at the end.
  var standings: [String] { analysis.standings.map { "\($0.pid)/\($0.tid) \($0.text)" } }
}

/// Lines, repeated.
func times(_ count: Int, _ lines: String...) -> String {
  String(repeating: lines.map { $0 + "\n" }.joined(), count: count)
}
