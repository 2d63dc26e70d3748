// A log of strace's, as somebody pasted it.

import Analysis
import Report
import StraceLog

enum StraceInput {
  static func read(_ bytes: [UInt8]) {
    let path = Scratch.file(bytes)
    guard StraceReader.recognises(path: path), let reader = try? StraceReader(paths: [path]) else { return }
    let analysis = Analyzer.analyze(reader)
    _ = TextReport().report(analysis)
    _ = JSONReport.text(analysis)
  }
}
