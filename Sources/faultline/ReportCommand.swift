import ArgumentParser
import Report

struct ReportCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case html, text }

  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Draw a timeline of a trace, with its findings.")

  @Option(help: "One HTML file that needs no network, or text for a terminal.")
  var format: Format = .html

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where it goes (default: TRACE with .html for its ending; text to standard output).", valueName: "file"),
    completion: .file())
  var output: String?

  @Argument(help: "A .flt file, or a log of strace's.", completion: .file())
  var trace: String

  func run() throws {
    switch format {
    case .text:
      let analysis = try TraceFile.analyze(trace, detail: .terminal)
      try OutputFile.write(Look.terminal(writing: output).report(analysis), to: output)
    case .html:
      var analysis = try TraceFile.analyze(trace, detail: .full)
      // Too much for a page: once more, with every call only where something was found.
      if analysis.timeline.coarse > 0 || analysis.timeline.leavesOutCalls && !analysis.findings.isEmpty {
        analysis = try TraceFile.analyze(trace, detail: .full.around(analysis.findings), warns: false)
      }
      let path = output ?? TraceFile.path(beside: trace, ending: ".html")
      try OutputFile.write(HTMLReport.text(analysis, trace: trace), to: path)
      if path != "-" { Console.say("timeline in \(path)") }
    }
  }
}
