import Analysis
import CLinux
import Report

extension ExportCommand {
  /// In one pass: the file is written while the trace is read.
  func exportPerfetto() throws {
    let reader = try TraceFile.open(trace)
    clinux_return_large_blocks()
    let path = output ?? TraceFile.path(beside: trace, ending: ".pftrace")
    let file = try OutputFile(path)
    let names = NativeNames()
    let export = try PerfettoExport(began: reader.header.started, naming: names) { try file.write($0) }
    let progress = Progress("exporting \(trace)")
    var analysis = try Analyzer.analyze(reader, telling: export) { progress.show($0) }
    analysis.name(by: names, tables: reader.tables)
    analysis.blindSpots += names.refusals.map { "names of functions in \($0)" }
    try export.finish(analysis)
    try file.finish()
    progress.end()
    TraceFile.warn(reader, trace)
    if path != "-" { Console.say("Perfetto trace in \(path); open it at https://ui.perfetto.dev") }
  }
}
