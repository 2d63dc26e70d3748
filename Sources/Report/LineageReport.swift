// `lineage`: who had which open file, by which number, from when to when.

import Analysis
import Lineage
import Trace

public struct LineageReport {
  /// Only open files that this process had, under this number; nil for whichever.
  public var pid: Int32?
  public var fd: FD?
  /// Only of these kinds; empty for all.
  public var kinds: Set<ObjectKind> = []
  /// Only what was open at this time of the trace.
  public var moment: Nanoseconds?

  public init() {}

  /// A table of all channels that are not filtered out, with a line of titles; nil if there are none. `width`: columns of a terminal.
  public func text(
    _ world: World, tables: TraceTables, width: Int = .max, colours: Bool = false, unicode: Bool = true
  ) -> String? {
    var files: [FileHistory] = []
    let all = world.closedFiles + world.files.filter { $0.channel >= 0 && !$0.history.isEmpty }
    for file in all.sorted(by: { $0.serial < $1.serial }) where kinds.isEmpty || kinds.contains(file.kind) {
      guard isWanted(file, world) else { continue }
      var history = FileHistory(file, world, tables)
      if let moment {
        history.tenures.removeAll { $0.start > moment || $0.end.map { $0 <= moment } == true }
        let isKnown = history.tenures.contains { (pid == nil || $0.pid == pid) && (fd == nil || $0.fd == fd) }
        if !isKnown { continue }
      }
      files.append(history)
    }
    guard !files.isEmpty else { return nil }
    let table = LineageTable(files, width: width, colours: colours, unicode: unicode)
    return table.lines().joined(separator: "\n") + "\n"
  }

  private func isWanted(_ file: OpenFile, _ world: World) -> Bool {
    guard pid != nil || fd != nil else { return true }
    return file.history.contains { step in
      (fd == nil || step.fd == fd) && (pid == nil || world.process(step.process)?.pid == pid)
    }
  }
}
