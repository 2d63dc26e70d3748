// `export --format jsonl`: real programs' traces as lines, held against what the reader and the analyzer give.

import Foundation
import Support
import Testing
import Trace

@Suite(.serialized) struct ExportJSONLinesTests {
  /// A trace of a victim; the caller removes it.
  private func traced(_ victim: String, _ options: [String] = []) throws -> String {
    let trace = Command.temporary(".flt")
    let ended = try Command.run(
      [Command.faultline, "trace", "--quiet", "-o", trace] + options + ["--"] + Victim.named(victim).command())
    #expect(ended.status == 0, "\(ended.error)")
    return trace
  }

  static let victims = [
    "gwibber.py", "founding_pipe.c", "founding_passed.c", "epoll_child_adds.c", "busy_select.c", "fork_mutex.c",
    "item_count_eventfd.c", "handler_selfpipe.c", "ghost_dup.c", "job_tokens.c",
  ]

  @Test(arguments: victims) func everyEventIsALine(_ victim: String) throws {
    let trace = try traced(victim)
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let lines = try ExportedLine.lines(of: trace)
    let reader = try TraceReader(path: trace)
    let first = try #require(lines.first)
    #expect(first.type == "trace" && first.schema == "faultline.events/1" && first.complete == true)
    #expect(first.event_count == UInt64(lines.count - 1))
    #expect(try first.argv == Victim.named(victim).command())
    var place = 1
    var folded: UInt64 = 0
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events {
        guard place < lines.count else { break }
        folded += UInt64(event.repeats) - 1
        #expect(differences(lines[place], event, batch.arena, reader.tables) == [], "line \(place + 1)")
        #expect(lines[place].trace == first.trace && lines[place].started == first.started)
        place += 1
      }
    }
    #expect(place == lines.count)
    #expect(first.folded_calls == folded)
  }

  /// What a line says otherwise than its event.
  private func differences(
    _ line: ExportedLine, _ event: Event, _ arena: Arena, _ tables: TraceTables
  ) -> [String] {
    var found: [String] = []
    func same<Value: Equatable>(_ what: String, _ told: Value?, _ read: Value?) {
      if told != read {
        found.append("\(what): \(told.map { "\($0)" } ?? "null"), not \(read.map { "\($0)" } ?? "null")")
      }
    }
    let record = tables.thread(event.thread)
    same("event", line.event, event.sequence)
    same("t_ns", line.t_ns, event.entered)
    same("pid", line.pid, record?.pid)
    same("tid", line.tid, record?.tid)
    same("thread", line.thread, event.thread.index)
    same("process", line.process, record?.process.index)
    guard case .call(let syscall, let result, let operation) = event.body else {
      same("phase", line.phase, nil)
      return found + bodyDifferences(line, event, tables)
    }
    let isBegin = event.phase == .begin
    same("type", line.type, "call")
    same("phase", line.phase, "\(event.phase)")
    same("syscall", line.syscall, syscall.name)
    same("end_ns", line.end_ns, isBegin ? nil : event.exited)
    same("inside_ns", line.inside_ns, isBegin ? nil : event.timeInside)
    same("repeats", line.repeats, isBegin ? nil : event.repeats)
    same("span_ns", line.span_ns, event.repeats > 1 ? event.span : nil)
    same("cycle", line.cycle, event.repeats > 1 ? event.cycle : nil)
    same("result", line.result, isBegin || result.isPending ? nil : result.failed ? -1 : result.rawValue)
    same("failed", line.errno != nil, result.failed)
    switch operation {
    case .transfer(let transfer):
      same("fd", line.fd, Int64(transfer.fd))
      same("bytes", line.bytes, transfer.requested)
      same("op", line.op, transfer.direction == .output ? "write" : "read")
      same("payload", line.payload.flatMap(Payload.bytes) ?? [], Array(arena.bytes(transfer.payload)))
      same("passed", line.passed ?? [], Array(arena.numbers(transfer.passed)))
    case .wait(let wait):
      same("fd", line.fd, wait.isEpoll ? Int64(wait.epoll) : nil)
      same("timeout_ns", line.timeout_ns, wait.timeout)
      same("waits", line.waits?.count ?? 0, Int(wait.entries.count))
      for (told, entry) in zip(line.waits ?? [], arena.waits(wait.entries)) {
        if !wait.isEpoll { same("fd of waits", told.fd, Int64(entry.fd)) }
        same("returned", told.returned == nil, entry.returned.isEmpty)
        same("IN", told.returned?.split(separator: "|").contains("IN") ?? false, entry.returned.contains(.input))
      }
    case .close(let fd): same("fd", line.fd, Int64(fd))
    case .pipe(let read, let write, _, _) where result.succeeded:
      same("fd", line.fd, Int64(read))
      same("other_fd", line.other_fd, Int64(write))
      same("channel", line.other_channel, line.channel)
      same("is open", line.channel != nil, true)
    case .duplicate(let from, _, _) where result.succeeded:
      same("fd", line.fd, Int64(from))
      same("other_fd", line.other_fd, result.rawValue)
      same("other_open_file", line.other_open_file, line.open_file)
    case .spawn(_, let child): same("child_tid", line.child_tid, tables.thread(child)?.tid)
    case .exec(let exec):
      same("path", line.path, tables.text(exec.path))
      same("argv", line.argv, arena.numbers(exec.arguments).map { tables.text(StringID(Int($0))) })
    case .connect(_, let address), .bind(_, let address): same("address", line.address, tables.text(address))
    case .epollControl(let epoll, _, let fd, _, _):
      same("fd", line.fd, Int64(epoll))
      same("other_fd", line.other_fd, Int64(fd))
    default: break
    }
    return found
  }

  private func bodyDifferences(_ line: ExportedLine, _ event: Event, _ tables: TraceTables) -> [String] {
    var isSame = true
    switch event.body {
    case .call: isSame = false
    case .start(let start): isSame = line.type == "start" && line.parent_tid == tables.thread(start.parent)?.tid
    case .end(let status):
      isSame = line.type == "end" && line.status == (status & 0x7F == 0 ? status >> 8 & 0xFF : nil)
    case .signal(let delivery): isSame = line.type == "signal" && (delivery.number != 17 || line.signal == "SIGCHLD")
    case .usage(let running, _): isSame = line.type == "usage" && line.running_ns == running
    case .existing(let found):
      isSame = line.type == "existing" && line.fd == Int64(found.fd) && line.path == tables.text(found.link)
    case .name(let name): isSame = line.type == "name" && line.name == tables.text(name)
    case .counter(let name, let value):
      isSame = line.type == "counter" && line.name == tables.text(name) && line.value == Int64(value)
    case .stack(let stack, _): isSame = line.type == "stack" && line.stack == stack.index
    case .blindSpot(_, let detail): isSame = line.type == "blind_spot" && line.detail == tables.text(detail)
    default: isSame = line.type != "call" && line.syscall == nil
    }
    return isSame ? [] : ["\(event.body) is told as \(line)"]
  }

  /// The events that findings rest on are lines with the same channel, descriptor and place in the code.
  @Test(arguments: ["gwibber.py", "founding_pipe.c", "founding_passed.c", "epoll_child_adds.c"])
  func findingsAreFoundAgain(_ victim: String) throws {
    let trace = try traced(victim)
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let lines = try ExportedLine.lines(of: trace)
    let document = try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
    #expect(!document.findings.isEmpty)
    #expect(lines[0].event_count == document.trace.events && lines[0].end_ns == document.trace.duration_ns)
    for finding in document.findings {
      for evidence in finding.evidence {
        let line = try #require(lines.first { $0.event == evidence.event })
        #expect(line.pid == evidence.pid && line.tid == evidence.tid)
        if let stack = evidence.stack { #expect(line.stack.map(Int.init) == stack) }
      }
      guard finding.rule == "foreign-wakeup-write", let actor = finding.actor, let object = finding.object else {
        continue
      }
      let writes = lines.filter {
        $0.op == "write" && $0.channel == Int64(object.id) && $0.pid == actor.pid && $0.result ?? -1 > 0
      }
      #expect(writes.reduce(0) { $0 + UInt64($1.repeats ?? 0) } == finding.count)
      for write in writes {
        #expect(write.execed == actor.execed && write.kind == object.kind && write.creator_pid == object.creator_pid)
        #expect(write.fd == object.actor_fd.map(Int64.init))
      }
    }
  }

  /// The numbers of open files are those of `lineage`, and a call's stack has its frames in one line.
  @Test func numbersJoin() throws {
    let trace = try traced("gwibber.py")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let lines = try ExportedLine.lines(of: trace)
    let write = try #require(lines.first { $0.op == "write" && $0.channel != nil && $0.execed == false })
    let lineage = try Command.run([Command.faultline, "lineage", trace, "\(write.pid!):\(write.fd!)"])
    #expect(lineage.output.contains("open file #\(write.open_file!): pipe #\(write.channel!), write end"))
    #expect(write.site == "Context.wakeup (gwibber.py:38)")
    let stacks = lines.filter { $0.type == "stack" && $0.stack == write.stack && $0.frames != nil }
    #expect(stacks.count == 1)
    #expect(stacks.first?.frames?.contains(write.site!) == true)
  }

  @Test func hostileTextsStayTexts() throws {
    let program = try Program.executable("hostile_texts")
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let ended = try Command.run(
      [Command.faultline, "trace", "--quiet", "--scope", "all", "-o", trace, "--", program], deadline: 60)
    #expect(ended.output == "done\n")
    let output = try Command.run([Command.faultline, "export", "--format", "jsonl", "-o", "-", trace]).output
    #expect(!output.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || $0.value == 0x202E || $0.value == 0x9B })
    let lines = try ExportedLine.parse(Data(output.utf8))
    let evil = "\u{1B}[31m\"\\\n\u{FFFD}\u{202E}"
    let exec = try #require(lines.last { $0.syscall == "execve" && $0.result == 0 })
    #expect(exec.argv == ["/x/\(evil)", "\(evil)1", "{\"a\":1}\r\n\u{FFFD}\u{FFFD}\u{FFFD}", ""])
    #expect(lines.contains { $0.syscall == "open" || $0.syscall == "openat" ? $0.path == "/nowhere/\(evil)" : false })
    #expect(lines.contains { $0.address?.hasSuffix(evil) == true })
    let write = try #require(lines.first { $0.op == "write" && $0.kind == "pipe" })
    let bytes: [UInt8] = [0, 0x7F, 0x80] + Array("\u{1B}[31m\"\\\n".utf8) + [0xFF, 0xE2, 0x80, 0xAE]
    #expect(Payload.bytes(try #require(write.payload)) == Array(bytes.prefix(16)))
    #expect(write.command == #"\u{1b}[31m"\\u{a}"# + "\u{FFFD}" + #"\u{202e}"#)
  }

  // MARK: Files and statuses

  @Test func anIncompleteTraceIsExportedAsFarAsItGoes() throws {
    let trace = try traced("founding_pipe.c")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let whole = try Data(contentsOf: URL(filePath: trace))
    let cut = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: cut) }
    try whole.prefix(whole.count * 2 / 3).write(to: URL(filePath: cut))
    let exported = try Command.run([Command.faultline, "export", "--format", "jsonl", "-o", "-", cut])
    #expect(exported.status == 0)
    #expect(exported.error.contains("is incomplete"))
    let lines = try ExportedLine.parse(Data(exported.output.utf8))
    #expect(lines[0].complete == false)
    #expect(lines[0].event_count == UInt64(lines.count - 1))
    #expect(lines.count > 10)
  }

  @Test func filesAndStatuses() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "faultline-export-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func path(_ name: String) -> String { folder.appending(path: name).path }
    let trace = try traced("founding_pipe.c")
    try FileManager.default.moveItem(atPath: trace, toPath: path("a.flt"))
    func export(_ arguments: String...) throws -> CommandResult {
      try Command.run([Command.faultline, "export"] + arguments)
    }
    let beside = try export("--format", "jsonl", path("a.flt"))
    #expect(beside.status == 0 && beside.output == "")
    let piped = try export("--format", "jsonl", "-o", "-", path("a.flt"))
    #expect(try Data(contentsOf: URL(filePath: path("a.jsonl"))) == Data(piped.output.utf8))
    #expect(try export("--format", "jsonl", path("none.flt")).status == 66)
    try Data("no trace".utf8).write(to: URL(filePath: path("text.flt")))
    #expect(try export("--format", "jsonl", path("text.flt")).status == 65)
    #expect(try export("--format", "jsonl", "-o", path("no/folder/a"), path("a.flt")).status == 73)
    #expect(try export("--format", "xml", path("a.flt")).status == 64)
    #expect(try export(path("a.flt")).status == 64)
    #expect(
      try Command.run([
        "/bin/sh", "-c", "\"$0\" export --format jsonl -o - \"$1\" > /dev/full", Command.faultline, path("a.flt"),
      ]).status == 73)
  }
}
