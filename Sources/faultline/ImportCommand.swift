// A log of strace's as a trace: smaller, quicker to read again, and what every other command takes.

import ArgumentParser
import StraceLog
import Trace

struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Make a trace of a log that strace has written.",
    discussion: """
      Any options of strace's will do; best are strace -f -ttt -T -yy -o LOG. Of strace -ff give all files. \
      analyze, report, export, dump and lineage take a log as it is.
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Where the trace goes (default: the first log with .flt for its ending).", valueName: "file"),
    completion: .file())
  var output: String?

  @Flag(help: "Say of each line that was not read where it stands.")
  var verbose = false

  @Argument(help: "A log, or the logs of one run (strace -ff); - is standard input.", completion: .file())
  var logs: [String]

  func run() throws {
    let reader: StraceReader
    if logs.count == 1 {
      let file = try InputStream.file(logs[0])
      if let refusal = InputLog.lookalike(file, as: logs[0]) { throw refusal }
      guard let opened = try InputLog.open(file) else { throw Self.refusal(logs[0]) }
      reader = opened
    } else {
      for log in logs where !StraceReader.recognises(path: log) { throw Self.refusal(log) }
      reader = try InputLog.reader(logs)
    }
    let path = output ?? (logs[0] == "-" ? "strace.flt" : Self.path(beside: logs[0]))
    do throws(TraceError) {
      let progress = Progress("importing \(logs[0])")
      let events = try Self.write(reader, to: path) { progress.show($0) }
      progress.end()
      InputLog.tell(reader, logs[0], verbose: verbose)
      let passed = reader.passedCalls
      Console.say(
        "trace in \(path) (\(events) events\(passed > 0 ? "; \(passed) calls that say nothing of descriptors, waits and processes are not in it" : ""))"
      )
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
  }

  private static func refusal(_ log: String) -> ExitCode {
    if log != "-", let error = TraceFile.whyUnreadable(log) { return Console.fail("\(error)", ExitStatus.of(error)) }
    return Console.fail("\(log) is no log of strace's", ExitStatus.badData)
  }

  /// The name of a log without its ending.
  private static func path(beside log: String) -> String {
    let name = log.hasSuffix(".log") || log.hasSuffix(".txt") ? String(log.dropLast(4)) : log
    return name + ".flt"
  }

  /// Copies every event, with what it stands for before it.
  private static func write(
    _ source: StraceReader, to path: String, progress: (Double) -> Void
  ) throws(TraceError) -> UInt64 {
    OutputFile.outliveRefusals()
    let copy = TraceCopy(try TraceWriter(path: path, header: source.header))
    var batch = EventBatch()
    while source.next(into: &batch) {
      copy.add(batch, tables: source.tables)
      progress(source.progress)
    }
    return try copy.finish(source.tables)
  }
}
