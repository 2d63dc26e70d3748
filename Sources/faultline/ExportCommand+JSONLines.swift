import Report
import Trace

extension ExportCommand {
  /// The trace is read twice: what stands at its end (names, how much there is) belongs into the first lines.
  func exportJSONLines() throws {
    let survey = TraceSurvey(try TraceFile.open(trace))
    let reader = try TraceFile.open(trace)
    let path = output ?? TraceFile.path(beside: trace, ending: ".jsonl")
    let file = try OutputFile(path)
    let progress = Progress("exporting \(trace)")
    let names = NativeNames()
    var report = JSONLinesReport(survey, naming: names)
    var batch = EventBatch()
    report.begin()
    while reader.next(into: &batch) {
      try report.add(batch) { try file.write($0) }
      progress.show(reader.progress)
    }
    try report.takeLines { try file.write($0) }
    try file.finish()
    progress.end()
    TraceFile.warn(reader, trace)
    if path != "-" { Console.say("events in \(path)") }
  }
}
