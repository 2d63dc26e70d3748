// What `dump` and `lineage` show of hand-written events: columns, filters, colours.

import Lineage
import Support
import Testing
import Trace

@testable import Report

@Suite struct DumpTests {
  private func script() throws -> Script {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let child = try script.fork(script.root, pid: 101)
    script.write(child, 4, [0x41])
    script.poll(script.root, 3, returned: .input)
    script.read(script.root, 3, 64, -11)
    script.call(script.root, .dup2, 12, .duplicate(from: 4, to: 12, closeOnExec: false))
    script.call(child, .close, 0, .close(4))
    script.emit(child, .signal(SignalDelivery(number: 15, code: 0, sender: 100)))
    return script
  }

  private func dump(_ script: Script, colours: Bool = false, _ change: (inout EventFilter) -> Void = { _ in })
    -> [String]
  {
    var filter = EventFilter()
    change(&filter)
    var report = DumpReport(filter, colours: colours)
    return script.events.compactMap { report.line($0, arena: script.arena, tables: script.tables) }
  }

  @Test func columnsAreAligned() throws {
    let lines = try dump(script())
    #expect(lines.count == 10)
    #expect(lines[4] == #"101                0.000005  write(4, "A", 1) = 1 <0.000000>"#)
    #expect(lines[6] == "100                0.000007  read(3, 64) = -1 EAGAIN <0.000000>")
    #expect(lines[9] == "101                0.000010  --- SIGTERM from pid 100 ---")
    let late = Event(
      thread: ThreadID(0), entered: 123_456_000_001_000, exited: 123_456_000_001_000, body: .missing(3))
    var report = DumpReport(EventFilter())
    let line = report.line(late, arena: Arena(), tables: try script().tables)
    #expect(line == "100           123456.000001  --- fd 3 is closed ---")
  }

  @Test func filtersAddUp() throws {
    let script = try script()
    #expect(dump(script) { $0.pid = 101 }.count == 4)
    #expect(
      dump(script) { $0.syscalls = [.poll, .read] }.map { $0.contains("poll(") || $0.contains("read(") } == [
        true, true,
      ])
    #expect(dump(script) { $0.isFailed = true }.count == 1)
    #expect(dump(script) { $0.fd = 12 }.count == 1)
    #expect(dump(script) { $0.fd = 4 }.count == 4)
    #expect(dump(script) { ($0.since, $0.until) = (5000, 7000) }.count == 3)
    #expect(dump(script) { ($0.pid, $0.fd, $0.syscalls) = (101, 4, [.write]) }.count == 1)
    #expect(dump(script) { ($0.pid, $0.isFailed) = (101, true) } == [])
  }

  @Test func coloursChangeNothingElse() throws {
    let script = try script()
    let painted = dump(script, colours: true)
    #expect(painted[6].contains("\u{1B}[36mread\u{1B}[0m(3, 64) =\u{1B}[31m -1 EAGAIN\u{1B}[0m"))
    #expect(painted.map { $0.replacing(/\u{1B}\[[0-9]+m/, with: "") } == dump(script))
    #expect(!dump(script).joined().contains("\u{1B}"))
  }

  @Test func syscallsHaveNames() {
    #expect(Syscall(name: "epoll_wait") == .epollWait)
    #expect(Syscall(name: "read") == .read)
    #expect(Syscall(name: "syscall_999") == Syscall(999))
    #expect(Syscall(name: "") == nil && Syscall(name: "no_such_call") == nil && Syscall(name: "syscall_x") == nil)
  }

  @Test func lineageIsATable() throws {
    let script = try script()
    var world = World(keepsHistory: true)
    for event in script.events { world.apply(event, arena: script.arena, tables: script.tables) }
    let text = try #require(LineageReport().text(world, tables: script.tables, pid: 100, fd: 12))
    #expect(
      text == """
        open file #2: pipe, write end
          ? (pid 100)
            0.000 s  fd 4   made
            0.000 s  fd 12  dup of fd 4
            ? (pid 101)
              0.000 s  fd 4   inherited: forked by thread 100
              0.000 s  fd 4   closed

        """)
    let painted = try #require(LineageReport(colours: true).text(world, tables: script.tables, pid: 100, fd: 12))
    #expect(painted.hasPrefix("\u{1B}[1mopen file #2\u{1B}[0m: pipe"))
    #expect(painted.replacing(/\u{1B}\[[0-9]+m/, with: "") == text)
  }
}
