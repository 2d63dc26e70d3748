// `lineage`: the family tree of an open file: made, forked, dup'ed, passed, closed.

import Analysis
import Lineage
import Trace

public struct LineageReport {
  /// Escape sequences for a terminal.
  public var colours: Bool

  public init(colours: Bool = false) { self.colours = colours }

  /// All channels, or those that the process ever knew by this number.
  public func text(_ world: World, tables: TraceTables, pid: Int32? = nil, fd: FD? = nil) -> String? {
    var files = world.closedFiles + world.files.filter { $0.channel >= 0 && !$0.history.isEmpty }
    if let pid, let fd {
      files = files.filter { file in
        file.history.contains { $0.fd == fd && world.process($0.process)?.pid == pid }
      }
      if files.isEmpty { return nil }
    }
    files.sort { $0.serial < $1.serial }
    return files.map { FamilyTree.text($0, world, tables, colours: colours) }.joined(separator: "\n")
  }
}
