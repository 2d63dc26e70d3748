import Analysis
import ArgumentParser
import Lineage
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

/// A call that has begun.
private struct OpenCall {
  var event: Event
  var arena: Arena
  var naming: (FD) -> String
}

struct DumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Print a trace's events, one a line, in strace's look.")

  @Option(help: "Only this process, or this thread.")
  var pid: Int32?

  @Option(help: "Only calls that name this descriptor.")
  var fd: Int32?

  @Option(
    name: .customLong("syscall"), help: ArgumentHelp("Only these calls: poll,ppoll,read.", valueName: "name,..."))
  var names: [SyscallNames] = []

  @Flag(help: "Only calls that failed.")
  var failed = false

  @Option(help: ArgumentHelp("From this time of the trace on (2.5, 500ms, 3m).", valueName: "time"))
  var since: Moment?

  @Option(help: ArgumentHelp("Up to this time of the trace.", valueName: "time"))
  var until: Moment?

  @Flag(help: "Below each call the stack that was taken of it, by name as far as names are found.")
  var stacks = false

  @Flag(name: [.customShort("y"), .long], help: "Beside each descriptor what it means there: 3<pipe #5>.")
  var objects = false

  @Argument(help: "A .flt file, or a log of strace's.", completion: .file())
  var trace: String

  func run() throws {
    let reader = try TraceFile.open(trace)
    let look = Look.terminal()
    var report = DumpReport(filter, colours: look.colours, unicode: look.unicode)
    let names = stacks ? NativeNames() : nil
    var standing = StandingStacks()
    var objectNames = objects ? DescriptorNames() : nil
    var naming: (FD) -> String = { "\($0)" }
    var batch = EventBatch()
    var open: [ThreadID: OpenCall] = [:]
    while reader.next(into: &batch) {
      var text = ""
      for event in batch.events {
        var event = event
        if names != nil { standing.place(on: &event) }
        if let known = objectNames?.apply(event, arena: batch.arena, tables: reader.tables) { naming = known }
        if event.phase == .begin {
          var arena = Arena()
          arena.adopt(&event, from: batch.arena)
          open[event.thread] = OpenCall(event: event, arena: arena, naming: naming)
          continue
        }
        if case .call = event.body { open[event.thread] = nil }
        guard let line = report.line(event, arena: batch.arena, tables: reader.tables, naming: naming) else { continue }
        text += line
        text += "\n"
        guard let names else { continue }
        for line in report.frames(event, names: names, tables: reader.tables) { text += line + "\n" }
      }
      Console.print(text)
    }
    for (_, call) in open.sorted(by: { $0.key < $1.key }) {
      guard let line = report.unfinished(call.event, arena: call.arena, tables: reader.tables, naming: call.naming)
      else { continue }
      Console.print(line + "\n")
      guard let names else { continue }
      for line in report.frames(call.event, names: names, tables: reader.tables) { Console.print(line + "\n") }
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
