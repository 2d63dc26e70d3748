// The family tree of an open file: made, forked, dup'ed, passed, closed.

import Lineage
import Trace

public enum FamilyTree {
  /// How the lines of one tree look.
  private struct Look {
    var colours: Bool
    /// The longest moment, and the longest number.
    var time: Int
    var fd: Int
  }

  /// `colours`: with escape sequences for a terminal.
  public static func text(
    _ file: OpenFile, _ world: World, _ tables: TraceTables, colours: Bool = false
  ) -> String {
    var lines = [Paint.bold("open file #\(file.serial)", if: colours) + ": \(describe(file, tables))"]
    // Processes in the order in which they came to hold it, children under their parents.
    var order: [ProcessID] = []
    for step in file.history where !order.contains(step.process) { order.append(step.process) }
    let members = Set(order)
    let roots = order.filter { id in
      guard let parent = world.process(id)?.parent else { return true }
      return !members.contains(parent)
    }
    let look = Look(
      colours: colours, time: file.history.map { Duration.moment($0.time).utf8.count }.max() ?? 0,
      fd: file.history.map { "\($0.fd)".utf8.count }.max() ?? 0)
    for root in roots { branch(root, depth: 1, file, order, look, world, tables, into: &lines) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func describe(_ file: OpenFile, _ tables: TraceTables) -> String {
    let side = end(of: file)
    let name = tables.text(file.name)
    return "\(file.kind)" + (side.isEmpty ? "" : ", \(side)") + (name.isEmpty ? "" : " \(EventText.harmless(name))")
  }

  /// Which end of its channel it is; empty where there is but one.
  static func end(of file: OpenFile) -> String {
    switch (file.kind, file.side) {
    case (.pipe, .read), (.fifo, .read): "read end"
    case (.pipe, .write), (.fifo, .write): "write end"
    case (.socketpair, .first): "first end"
    case (.socketpair, .second): "second end"
    default: ""
    }
  }

  private static func branch(
    _ id: ProcessID, depth: Int, _ file: OpenFile, _ order: [ProcessID], _ look: Look, _ world: World,
    _ tables: TraceTables, into lines: inout [String]
  ) {
    guard depth < 64 else { return }
    let indent = String(repeating: "  ", count: depth)
    let pid = world.process(id)?.pid ?? 0
    let name = world.givenName(of: id, tables).map { " \"\($0)\"" } ?? ""
    lines.append("\(indent)\(Paint.cyan(world.command(id, tables), if: look.colours)) (pid \(pid)\(name))")
    for step in file.history where step.process == id {
      let tid = world.thread(step.thread)?.tid ?? 0
      let time = Duration.moment(step.time)
      let number = "\(step.fd)"
      let before = String(repeating: " ", count: look.time - time.utf8.count)
      let after = String(repeating: " ", count: look.fd - number.utf8.count)
      let moment = Paint.dim(time, if: look.colours)
      lines.append("\(indent)  \(before)\(moment)  fd \(number)\(after)  \(words(step, tid: tid, pid: pid))")
    }
    for child in order where world.process(child)?.parent == id {
      branch(child, depth: depth + 1, file, order, look, world, tables, into: &lines)
    }
  }

  private static func words(_ step: LineageStep, tid: Int32, pid: Int32) -> String {
    let by = tid == pid || tid == 0 ? "" : " by thread \(tid)"
    switch step.kind {
    case .acquired(.created): return "made\(by)"
    case .acquired(.opened): return "opened\(by)"
    case .acquired(.accepted): return "accepted\(by)"
    case .acquired(.duplicated): return "dup of fd \(step.from)\(by)"
    case .acquired(.inherited): return "inherited: forked by thread \(tid)"
    case .acquired(.received): return "received in a message\(by)"
    case .acquired(.taken): return "taken with pidfd_getfd\(by)"
    case .acquired(.existed): return "was open before the trace"
    case .released: return "closed\(by)"
    case .closedByExec: return "closed by exec"
    case .closedByExit: return "closed by the process's end"
    }
  }
}
