import Analysis
import ArgumentParser
import Recorder
import Report

extension Severity: ExpressibleByArgument {
  public init?(argument: String) {
    guard let known = Severity.allCases.first(where: { $0.word == argument }) else { return nil }
    self = known
  }

  public static var allValueStrings: [String] { allCases.reversed().map(\.word) }
}

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Run a program under trace and fail if a finding is bad enough.",
    usage: "faultline check [<options>] -- <command> [<argument> ...]")

  @Option(help: "The least severity that fails.")
  var failOn: Severity = .warning

  @OptionGroup var recording: RecordingOptions

  func run() throws {
    let outcome = try recording.record()
    let analysis = try TraceFile.analyze(outcome.path, warns: outcome.failure == nil)
    recording.tell(outcome, analysis)
    if analysis.findings.contains(where: { $0.severity >= failOn }) { throw ExitCode(ExitStatus.findings) }
    endAs(outcome.rootStatus)
  }
}
