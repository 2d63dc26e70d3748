import ArgumentParser

struct ExportCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case perfetto }

  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a trace in a format that other programs read.")

  @Option(help: "For ui.perfetto.dev and its trace processor (protobuf).")
  var format: Format

  @Option(name: .shortAndLong, help: "Where it goes (default: TRACE with .pftrace for its ending).")
  var output: String?

  @Argument(help: "A .flt file.")
  var trace: String

  func run() throws {
    switch format {
    case .perfetto: try exportPerfetto()
    }
  }
}
