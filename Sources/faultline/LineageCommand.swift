import ArgumentParser
import Lineage
import Report
import Trace

/// What a process may have had: `PID`, or `PID:FD`.
struct DescriptorOf: ExpressibleByArgument {
  let pid: Int32
  let fd: Int32?

  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let pid = Int32(parts[0]), pid > 0 else { return nil }
    self.pid = pid
    fd = parts.count == 2 ? Int32(parts[1]) : nil
    if parts.count == 2, fd == nil { return nil }
  }
}

extension ObjectKind: ExpressibleByArgument {
  public init?(argument: String) {
    guard let kind = ObjectKind.allCases.first(where: { "\($0)" == argument }) else { return nil }
    self = kind
  }

  public static var allValueStrings: [String] { allCases.map { "\($0)" } }
}

struct LineageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lineage",
    abstract: "Print who had which open file, by which number, from when to when: a table as lsof's, but over time.",
    discussion: """
      All pipes, sockets and their kin, each with those who had it, children below their parents. FD is the number, and \
      r, w or u for what can be done by it: read, write, both. TO says when the number was closed, by close, exec or the \
      process's end (exit).
      """)

  @Argument(help: "A .flt file, or a log of strace's.", completion: .file())
  var trace: String

  @Argument(
    help: ArgumentHelp(
      "Only the open files that this process ever had, or that this number of it ever meant.", valueName: "pid[:fd]"))
  var descriptor: DescriptorOf?

  @Option(name: .customLong("kind"), help: "Only open files of this kind.")
  var kinds: [ObjectKind] = []

  @Option(help: ArgumentHelp("Only what was open at this time of the trace (2.5, 500ms, 3m).", valueName: "time"))
  var at: Moment?

  func run() throws {
    let reader = try TraceFile.open(trace)
    var world = World(keepsHistory: true)
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events { world.apply(event, arena: batch.arena, tables: reader.tables) }
    }
    TraceFile.warn(reader, trace)
    var report = LineageReport()
    report.pid = descriptor?.pid
    report.fd = descriptor?.fd
    report.kinds = Set(kinds)
    report.moment = at?.nanoseconds
    let look = Look.terminal()
    // A file or a pipe has room for whole names.
    let width = look.isTerminal ? look.width : Int.max
    guard
      let text = report.text(
        world, tables: reader.tables, width: width, colours: look.colours, unicode: look.unicode)
    else { throw Console.fail(complaint, ExitStatus.badData) }
    Console.print(text)
  }

  private var complaint: String {
    let kind = kinds.isEmpty ? "pipe, socket or other channel" : kinds.map { "\($0)" }.joined(separator: " or ")
    let who = descriptor.map { $0.fd.map { fd in " as fd \(fd)" } ?? "" } ?? ""
    let had = descriptor.map { "pid \($0.pid) had no \(kind)\(who)" } ?? "there was no \(kind)"
    return at == nil ? had : "\(had) at that time"
  }
}
