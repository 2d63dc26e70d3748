import ArgumentParser

struct ExportCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case jsonl, perfetto }

  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a trace in a format that other programs read.")

  @Option(
    help: "jsonl: an event a line, for DuckDB and Spark; perfetto: for ui.perfetto.dev and its trace processor.")
  var format: Format

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where it goes (default: TRACE with .jsonl or .pftrace for its ending; - is standard output).", valueName: "file"),
    completion: .file())
  var output: String?

  @Argument(help: "A .flt file, or a log of strace's.", completion: .file())
  var trace: String

  func run() throws {
    switch format {
    case .jsonl: try exportJSONLines()
    case .perfetto: try exportPerfetto()
    }
  }
}
