import Analysis
import ArgumentParser
import Glibc
import Report

struct AnalyzeCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  static let configuration = CommandConfiguration(
    commandName: "analyze", abstract: "Say what a trace shows: who did what to whom, and how to mend it.")

  @Option(help: "How to print the findings.")
  var format: Format = .text

  @Option(help: "End with status 1 when a finding is at least this severe.")
  var failOn: Severity?

  @Argument(help: "A .flt file.")
  var trace: String

  func run() throws {
    let analysis = try TraceFile.analyze(trace)
    switch format {
    case .text: Console.print(Look.terminal().findings(analysis))
    case .json: Console.print(JSONReport.text(analysis))
    }
    if let failOn, analysis.findings.contains(where: { $0.severity >= failOn }) {
      throw ExitCode(ExitStatus.findings)
    }
  }
}

/// How text looks on this standard output.
enum Look {
  static func terminal() -> TextReport {
    let isTerminal = Console.isTerminal(STDOUT_FILENO)
    var size = winsize()
    let hasSize = isTerminal && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    let columns = hasSize ? min(Int(size.ws_col), 160) : 80
    return TextReport(
      width: columns, colours: isTerminal && getenv("NO_COLOR") == nil, unicode: isUnicode)
  }

  /// Whether the locale's encoding is UTF-8: LC_ALL, LC_CTYPE, LANG in this order (locale(7)).
  private static var isUnicode: Bool {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      guard let value = getenv(name), value.pointee != 0 else { continue }
      let locale = String(cString: value).lowercased()
      return locale.contains("utf-8") || locale.contains("utf8")
    }
    return false
  }
}
