// A log of strace's from a stranger.

import Analysis
import Report
import StraceLog
import Trace

enum StraceInput {
  static func read(_ bytes: [UInt8], isThorough: Bool) {
    guard !bytes.isEmpty else { return }
    let path = Scratch.file(bytes)
    _ = StraceReader.recognises(path: path)
    guard let reader = try? StraceReader(paths: [path]) else { return }
    let analysis = Analyzer.analyze(reader)
    guard isThorough || Scratch.digest(bytes) & 15 == 0 else { return }
    _ = TextReport(colours: true).findings(analysis)
    _ = JSONReport.text(analysis)
    dump(path)
    // The same bytes as the logs of two threads.
    guard let twice = try? StraceReader(paths: [path, path]) else { return }
    _ = Analyzer.analyze(twice)
  }

  private static func dump(_ path: String) {
    guard let reader = try? StraceReader(paths: [path]) else { return }
    var report = DumpReport(EventFilter())
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events { _ = report.line(event, arena: batch.arena, tables: reader.tables) }
    }
  }
}
