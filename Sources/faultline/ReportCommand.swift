import ArgumentParser
import Report

struct ReportCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case html, text }

  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Draw a timeline of a trace, with its findings.")

  @Option(help: "One HTML file that needs no network, or text for a terminal.")
  var format: Format = .html

  @Option(
    name: .shortAndLong, help: "Where it goes (default: TRACE with .html for its ending; text to standard output).")
  var output: String?

  @Argument(help: "A .flt file.")
  var trace: String

  func run() throws {
    let analysis = try TraceFile.analyze(trace)
    switch format {
    case .text: try TraceFile.write(Look.terminal().report(analysis), to: output)
    case .html:
      let path = output ?? (trace.hasSuffix(".flt") ? String(trace.dropLast(4)) : trace) + ".html"
      try TraceFile.write(HTMLReport.text(analysis), to: path)
      if path != "-" { Console.say("timeline in \(path)") }
    }
  }
}
