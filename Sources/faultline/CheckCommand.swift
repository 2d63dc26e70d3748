import Analysis
import ArgumentParser
import Recorder
import Report

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Run a program under trace and fail if a finding is bad enough.",
    usage: "faultline check [<options>] -- <command> [<argument> ...]")

  @Option(help: ArgumentHelp("The least severity that fails.", valueName: "severity"))
  var failOn: SeverityName = .warning

  @OptionGroup var judging: JudgingOptions

  @OptionGroup var recording: RecordingOptions

  func run() throws {
    let suppressions = try judging.load()
    let outcome = try recording.record()
    var analysis = try TraceFile.analyze(outcome.readablePath, warns: outcome.failure == nil)
    judging.apply(suppressions, to: &analysis)
    recording.tell(outcome, analysis)
    if analysis.findings.contains(where: { $0.severity >= failOn.severity }) { throw ExitCode(ExitStatus.findings) }
    endAs(outcome.rootStatus)
  }
}
