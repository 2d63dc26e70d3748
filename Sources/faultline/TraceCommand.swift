import Analysis
import ArgumentParser
import CLinux
import Glibc
import Recorder
import Report
import Trace

/// What the target's stops cost; see docs/architecture.md.
enum Scope: String, ExpressibleByArgument, CaseIterable { case light, wakeups, all }

enum Stacks: String, ExpressibleByArgument, CaseIterable { case auto, off, all }

/// What `trace` and `check` share: how to record a command.
struct RecordingOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Where the trace goes (default: COMMAND-NAME.PID.flt in the current folder).")
  var output: String?

  @Option(help: "How much to stop at. This version records every call of interest in each scope.")
  var scope: Scope = .wakeups

  @Option(help: "When to take stacks. This version takes none.")
  var stacks: Stacks = .auto

  @Option(help: "How many bytes of each channel write to keep; 0 keeps none (but an eventfd's count).")
  var payload: Int = 16

  @Flag(help: "Say nothing but errors.")
  var quiet = false

  @Argument(parsing: .postTerminator, help: "The program to run, and its arguments.")
  var command: [String] = []

  func validate() throws {
    if command.isEmpty { throw ValidationError("give a command after --") }
    if payload < 0 || payload > 4096 { throw ValidationError("--payload takes 0 to 4096 bytes") }
  }

  /// Runs the command under trace.
  func record() throws -> Recorder.Outcome {
    do {
      return try Recorder.record(command: Self.rawCommand(), path: output, payloadLimit: payload)
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
  }

  /// What stands after the first `--`, byte by byte: arguments need not be UTF-8.
  private static func rawCommand() -> [[UInt8]] {
    let all = (0..<Int(CommandLine.argc)).compactMap { place in
      CommandLine.unsafeArgv[place].map { Array(UnsafeBufferPointer(start: $0, count: strlen($0))) }
    }.map { $0.map { UInt8(bitPattern: $0) } }
    guard let separator = all.firstIndex(of: Array("--".utf8)) else { return [] }
    return Array(all[(separator + 1)...])
  }

  /// Says where the trace is, and a line per finding; without findings, where time went.
  func tell(_ outcome: Recorder.Outcome, _ analysis: Analysis) {
    if let failure = outcome.failure {
      Console.say("warning: \(failure); the trace ends there, \(counted(outcome.lost, "later event")) are not in it")
    }
    guard !quiet else { return }
    let size = Duration.text(analysis.duration)
    Console.say("trace in \(outcome.path) (\(grouped(outcome.events)) events, \(size))")
    if outcome.wasEnded { Console.say("the program and its children were ended by the second interrupt") }
    if outcome.survivors > 0, analysis.duration > outcome.rootEnded + 100_000_000 {
      Console.say(
        "the command ended at \(Duration.moment(outcome.rootEnded)); what it left behind "
          + "(\(counted(UInt64(outcome.survivors), "thread"))) was followed to \(Duration.moment(analysis.duration))")
    }
    for spot in analysis.blindSpots { Console.say("not seen: \(spot)") }
    for finding in analysis.findings { Console.say(TextReport.headline(finding)) }
    if analysis.findings.isEmpty {
      Console.say("no findings; where time went:")
      for line in analysis.summary { Console.say("  \(line)") }
    }
  }
}

/// Ends this process as the target's root ended.
func endAs(_ status: Int32) -> Never {
  let signal = status & 0x7F
  if signal == 0 { exit(status >> 8 & 0xFF) }
  clinux_die_by(signal)
  exit(128 + signal)
}

struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Run a program and record it, its children and its threads to the end.",
    usage: "faultline trace [<options>] -- <command> [<argument> ...]")

  @OptionGroup var recording: RecordingOptions

  func run() throws {
    let outcome = try recording.record()
    if !recording.quiet || outcome.failure != nil {
      recording.tell(outcome, try TraceFile.analyze(outcome.path, warns: outcome.failure == nil))
    }
    endAs(outcome.rootStatus)
  }
}
