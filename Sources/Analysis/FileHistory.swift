// Who had an open file, by which number, from when to when: what the family tree says, as rows of a table.

import Lineage
import Trace

public struct FileHistory: Sendable {
  /// One number of one process, from the moment when it came to mean the open file.
  public struct Tenure: Sendable {
    /// How many of the process's ancestors had the open file, too.
    public var depth: Int
    public var process: ProcessID
    public var pid: Int32
    /// What the process is called: by its runtime, else by its program.
    public var name: String
    public var fd: FD
    public var start: Nanoseconds
    /// How it came: `made`, `forked by 140/150`.
    public var how: String
    /// nil while it is open.
    public var end: Nanoseconds?
    /// How it ended: `closed`, `exec`, `exit`.
    public var ending: String?
  }

  public var serial: UInt32
  public var kind: ObjectKind
  /// The channel's number; 0 for what is none.
  public var channel: UInt32
  /// Which end it is; empty where there is but one.
  public var end: String
  /// The path, or the address of the peer.
  public var name: String
  public var side: Side
  /// Children after their parents.
  public var tenures: [Tenure]

  /// An open file of a World that keeps history.
  public init(_ file: OpenFile, _ world: World, _ tables: TraceTables) {
    serial = file.serial
    kind = file.kind
    channel = file.channel >= 0 ? world.channels[Int(file.channel)].serial : file.channelSerial
    end = FamilyTree.end(of: file)
    name = EventText.harmless(tables.text(file.name))
    side = file.side
    tenures = []
    // Processes in the order in which they came to hold it.
    var order: [ProcessID] = []
    var steps: [ProcessID: [LineageStep]] = [:]
    for step in file.history {
      if steps[step.process] == nil { order.append(step.process) }
      steps[step.process, default: []].append(step)
    }
    var children: [ProcessID: [ProcessID]] = [:]
    var roots: [ProcessID] = []
    for id in order {
      if let parent = world.process(id)?.parent, steps[parent] != nil {
        children[parent, default: []].append(id)
      } else {
        roots.append(id)
      }
    }
    var stack = roots.reversed().map { (id: $0, depth: 0) }
    while let (id, depth) = stack.popLast() {
      add(steps[id] ?? [], of: id, depth: depth, among: file.history, world, tables)
      for child in (children[id] ?? []).reversed() { stack.append((child, depth + 1)) }
    }
  }

  private mutating func add(
    _ steps: [LineageStep], of id: ProcessID, depth: Int, among all: [LineageStep], _ world: World,
    _ tables: TraceTables
  ) {
    let pid = world.process(id)?.pid ?? 0
    let name = world.title(of: id, tables)
    var open: [FD: Int] = [:]
    for step in steps {
      switch step.kind {
      case .acquired(let way):
        open[step.fd] = tenures.count
        tenures.append(
          Tenure(
            depth: depth, process: id, pid: pid, name: name, fd: step.fd, start: step.time,
            how: Self.words(way, step, pid: pid, world)))
      case .released: close("closed", step)
      case .closedByExec: close("exec", step)
      case .closedByExit: close("exit", step)
      }
    }
    /// A number that another process had put into the table while both shared it (CLONE_FILES).
    func shared(_ step: LineageStep) -> Int? {
      let maker = all.last {
        // What is inherited is in a table of one's own.
        if case .acquired(let way) = $0.kind, way != .inherited {
          $0.process != id && $0.fd == step.fd && $0.time <= step.time
        } else {
          false
        }
      }
      guard let maker else { return nil }
      tenures.append(
        Tenure(
          depth: depth, process: id, pid: pid, name: name, fd: step.fd, start: maker.time,
          how: "by \(world.process(maker.process)?.pid ?? 0), in a table that both had"))
      return tenures.count - 1
    }
    func close(_ ending: String, _ step: LineageStep) {
      guard let place = open.removeValue(forKey: step.fd) ?? shared(step) else { return }
      tenures[place].end = step.time
      tenures[place].ending = ending
    }
  }

  private static func words(_ way: Acquisition, _ step: LineageStep, pid: Int32, _ world: World) -> String {
    let thread = world.thread(step.thread)
    let tid = thread?.tid ?? 0
    let by = tid == pid || tid == 0 ? "" : " by \(pid)/\(tid)"
    switch way {
    case .created: return "made\(by)"
    case .opened: return "opened\(by)"
    case .accepted: return "accepted\(by)"
    case .duplicated: return "dup of fd \(step.from)\(by)"
    case .inherited:
      let parent = thread.flatMap { world.process($0.process)?.pid } ?? 0
      return "forked by \(parent)\(tid == parent ? "" : "/\(tid)")"
    case .received: return "received\(by)"
    case .taken: return "taken\(by)"
    case .existed: return "was open before"
    }
  }
}
