import ArgumentParser
import Lineage
import Report
import Trace

struct LineageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lineage", abstract: "Print the family tree of open files: made, forked, dup'ed, passed, closed.")

  @Argument(help: "A .flt file, or a log of strace's.")
  var trace: String

  @Argument(
    help: "PID:FD, for the open files that this number ever meant there (default: all pipes, sockets and their kin).")
  var descriptor: String?

  func run() throws {
    var pid: Int32?
    var fd: Int32?
    if let descriptor {
      let parts = descriptor.split(separator: ":", maxSplits: 1)
      pid = parts.first.flatMap { Int32($0) }
      fd = parts.count == 2 ? Int32(parts[1]) : nil
      guard pid != nil, fd != nil else { throw ValidationError("\(descriptor) is not PID:FD") }
    }
    let reader = try TraceFile.open(trace)
    var world = World(keepsHistory: true)
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events { world.apply(event, arena: batch.arena, tables: reader.tables) }
    }
    TraceFile.warn(reader, trace)
    let report = LineageReport(colours: Look.terminal().colours)
    guard let text = report.text(world, tables: reader.tables, pid: pid, fd: fd) else {
      throw Console.fail("no pipe, socket or other channel was fd \(fd!) in pid \(pid!)", ExitStatus.badData)
    }
    Console.print(text)
  }
}
