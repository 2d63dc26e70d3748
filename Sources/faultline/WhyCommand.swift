// why: attach for some seconds, say what the process waits for or burns, let it go.

import Analysis
import ArgumentParser
import Recorder
import Report

struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract:
      "Look at a process and its children for some seconds, and say what each waits for, or where it burns its core.")

  @Option(help: ArgumentHelp("How long to look (500ms, 5s, 2m).", valueName: "time"))
  var duration = Span(seconds: 2)

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Keep the trace here (by default it is not kept).", valueName: "file"),
    completion: .file())
  var output: String?

  @Argument(help: "The process.")
  var pid: Int32

  func validate() throws {
    if pid <= 0 { throw ValidationError("\(pid) is no process number") }
  }

  func run() throws {
    let outcome = try Attachment.record(
      [pid], path: output, isKept: output != nil, settings: Recorder.Settings(stacks: .auto),
      duration: duration.nanoseconds, untilFinding: false, takesDescendants: true)
    if let failure = outcome.failure { Console.say("warning: \(failure)") }
    Console.print(Look.terminal().why(try TraceFile.analyze(outcome.readablePath)))
  }
}
