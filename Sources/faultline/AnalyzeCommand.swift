import Analysis
import ArgumentParser
import Report

struct AnalyzeCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, sarif }

  static let configuration = CommandConfiguration(
    commandName: "analyze", abstract: "Say what a trace shows: who did what to whom, and how to mend it.")

  @Option(help: "How to print the findings: for people, for scripts, or for code scanning (SARIF 2.1.0).")
  var format: Format = .text

  @Option(help: ArgumentHelp("End with status 1 when a finding is at least this severe.", valueName: "severity"))
  var failOn: SeverityName?

  @Flag(help: "Of a log of strace's: say of each line that was not read where it stands.")
  var verbose = false

  @OptionGroup var judging: JudgingOptions

  @Argument(help: "A .flt file, or a log of strace's.", completion: .file())
  var trace: String

  func run() throws {
    let suppressions = try judging.load()
    var analysis = try TraceFile.analyze(trace, verbose: verbose)
    judging.apply(suppressions, to: &analysis)
    switch format {
    case .text: Console.print(Look.terminal().findings(analysis))
    case .json: Console.print(JSONReport.text(analysis))
    case .sarif: Console.print(SARIFReport.text(analysis, version: Faultline.configuration.version))
    }
    if let failOn, analysis.findings.contains(where: { $0.severity >= failOn.severity }) {
      throw ExitCode(ExitStatus.findings)
    }
  }
}
