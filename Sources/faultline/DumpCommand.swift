import ArgumentParser
import Report
import Trace

/// Names of system calls, separated by commas.
struct SyscallNames: ExpressibleByArgument {
  let syscalls: [Syscall]

  init?(argument: String) {
    let names = argument.split(separator: ",")
    syscalls = names.compactMap { Syscall(name: $0) }
    if names.isEmpty || syscalls.count != names.count { return nil }
  }
}

struct DumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Print a trace's events, one a line, in strace's look.")

  @Option(help: "Only this process.")
  var pid: Int32?

  @Option(help: "Only calls that name this descriptor.")
  var fd: Int32?

  @Option(
    name: .customLong("syscall"), help: ArgumentHelp("Only these calls: poll,ppoll,read.", valueName: "name,..."))
  var names: [SyscallNames] = []

  @Flag(help: "Only calls that failed.")
  var failed = false

  @Option(help: ArgumentHelp("From this time of the trace on (2.5, 500ms, 3m).", valueName: "time"))
  var since: Span?

  @Option(help: ArgumentHelp("Up to this time of the trace.", valueName: "time"))
  var until: Span?

  @Flag(help: "Show the frames of stacks, by name as far as names are found.")
  var stacks = false

  @Argument(help: "A .flt file, or a log of strace's.")
  var trace: String

  func run() throws {
    let reader = try TraceFile.open(trace)
    let report = DumpReport(filter, colours: Look.terminal().colours)
    let names = stacks ? NativeNames() : nil
    var batch = EventBatch()
    var open: [ThreadID: (event: Event, arena: Arena)] = [:]
    while reader.next(into: &batch) {
      var text = ""
      for event in batch.events {
        if event.phase == .begin {
          var copy = event
          var arena = Arena()
          arena.adopt(&copy, from: batch.arena)
          open[event.thread] = (copy, arena)
          continue
        }
        if case .call = event.body { open[event.thread] = nil }
        if let line = report.line(event, arena: batch.arena, tables: reader.tables) { text += line + "\n" }
        if let names, report.filter.shows(event, arena: batch.arena, tables: reader.tables) {
          for line in DumpReport.frames(event, names: names, tables: reader.tables) { text += line + "\n" }
        }
      }
      Console.print(text)
    }
    for (_, call) in open.sorted(by: { $0.key < $1.key }) {
      if let line = report.unfinished(call.event, arena: call.arena, tables: reader.tables) {
        Console.print(line + "\n")
      }
    }
    TraceFile.warn(reader, trace)
  }

  private var filter: EventFilter {
    var filter = EventFilter()
    filter.pid = pid
    filter.fd = fd
    filter.syscalls = Set(names.flatMap(\.syscalls))
    filter.isFailed = failed
    filter.since = since?.nanoseconds ?? 0
    filter.until = until?.nanoseconds ?? .max
    return filter
  }
}
