// Processes, threads and objects as findings name them.

import Lineage
import Trace

extension World {
  /// What a program is called that nothing names.
  public static let unnamedCommand = "a program"

  /// The program's name: the last part of argv[0], or of the path.
  public func command(_ id: ProcessID, _ tables: TraceTables) -> String {
    guard let process = process(id) else { return "?" }
    let text = arguments(of: id).first.map { tables.text($0) } ?? tables.text(process.path)
    let name = text.split(separator: "/").last.map(String.init) ?? text
    // A log that begins late does not name it.
    return name.isEmpty ? Self.unnamedCommand : EventText.harmless(name)
  }

  /// The path of the program, as exec was given it.
  func program(_ id: ProcessID, _ tables: TraceTables) -> String {
    process(id).map { EventText.harmless(tables.text($0.path)) } ?? ""
  }

  /// argv in one line.
  public func commandLine(_ id: ProcessID, _ tables: TraceTables) -> String {
    EventText.harmless(arguments(of: id).map { tables.text($0) }.joined(separator: " "))
  }

  func party(_ id: ProcessID, thread: ThreadID?, execed: Bool, _ tables: TraceTables) -> Party {
    let process = process(id)
    return Party(
      process: id, pid: process?.pid ?? 0, tid: thread.flatMap { self.thread($0)?.tid } ?? process?.pid ?? 0,
      command: command(id, tables), program: program(id, tables),
      parent: process?.parent.flatMap { self.process($0)?.pid },
      forkedBy: process.flatMap { self.thread($0.forkedBy)?.tid },
      name: Self.given(process?.givenName, tables),
      threadName: Self.given(thread.flatMap { self.thread($0)?.givenName }, tables),
      forkerName: Self.given(process.flatMap { self.thread($0.forkedBy)?.givenName }, tables), execed: execed)
  }

  func evidence(_ event: Event, arena: Arena, _ tables: TraceTables) -> Evidence {
    let thread = thread(event.thread)
    // A write acts when it begins; a read or wait is known by its return.
    var time = event.time
    var mark: Timeline.Marker.Kind?
    switch event.body {
    case .call(_, _, .transfer(let transfer)):
      mark = transfer.direction == .output ? .write : .read
      if transfer.direction == .output { time = event.entered }
    case .call(_, _, .pipe), .call(_, _, .create), .call(_, _, .socketPair), .call(_, _, .open): mark = .create
    case .call(_, _, .spawn): time = event.entered
    case .signal: mark = .signal
    case .end: mark = .kill
    default: break
    }
    return Evidence(
      mark: mark, event: event.sequence, time: time,
      pid: thread.flatMap { process($0.process)?.pid } ?? 0, tid: thread?.tid ?? 0, thread: event.thread,
      text: EventText.line(event, arena: arena, tables: tables),
      stack: event.stack == .none ? nil : event.stack.position)
  }

  /// `(pid 140 "Worker-1", thread 150 "Poller")`.
  public func identity(of thread: ThreadState, _ tables: TraceTables) -> String {
    let process = process(thread.process)
    let pid = process?.pid ?? 0
    let name = Self.given(process?.givenName, tables).map { " \"\($0)\"" } ?? ""
    if thread.tid == pid { return "(pid \(pid)\(name))" }
    return "(pid \(pid)\(name), thread \(thread.tid)\(Self.given(thread.givenName, tables).map { " \"\($0)\"" } ?? ""))"
  }

  /// What the program's runtime calls the process; nil where that is not known.
  public func givenName(of process: ProcessID, _ tables: TraceTables) -> String? {
    Self.given(self.process(process)?.givenName, tables)
  }

  /// What a process is called where there is little room: by its runtime, else by its program.
  public func title(of process: ProcessID, _ tables: TraceTables) -> String {
    givenName(of: process, tables) ?? command(process, tables)
  }

  private static func given(_ name: StringID?, _ tables: TraceTables) -> String? {
    name.flatMap { $0 == .empty ? nil : EventText.harmless(tables.text($0)) }
  }

  /// `python3 (pid 140, Worker-1, forked by thread 125, Poller, of pid 123, never exec'd)`.
  func introduce(_ party: Party) -> String {
    var facts = ["pid \(party.pid)"]
    if let name = party.name { facts.append("\"\(name)\"") }
    if let parent = party.parent {
      let forker = party.forkedBy.map {
        $0 == parent ? "pid \(parent)" : "thread \($0)\(party.forkerName.map { " \"\($0)\"" } ?? "") of pid \(parent)"
      }
      facts.append("forked by \(forker ?? "pid \(parent)")")
      facts.append(party.execed ? "exec'd" : "never exec'd")
    }
    return "\(party.command) (\(facts.joined(separator: ", ")))"
  }
}
