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

  private func lineage(_ script: Script, colours: Bool = false, _ change: (inout LineageReport) -> Void) -> String? {
    var world = World(keepsHistory: true)
    for event in script.events { world.apply(event, arena: script.arena, tables: script.tables) }
    var report = LineageReport()
    change(&report)
    return report.text(world, tables: script.tables, colours: colours)
  }

  @Test func lineageIsATable() throws {
    let script = try script()
    let text = try #require(lineage(script) { ($0.pid, $0.fd) = (100, 12) })
    #expect(
      text == """
          COMMAND  PID   FD     FROM  TO              HOW
        open file #2: pipe #1, write end
          ?        100   4w  0.000 s  open            made
          ?        100  12w  0.000 s  open            dup of fd 4
            ?      101   4w  0.000 s  0.000 s closed  forked by 100

        """)
    let painted = try #require(lineage(script, colours: true) { ($0.pid, $0.fd) = (100, 12) })
    #expect(painted.contains("\u{1B}[1mopen file #2\u{1B}[0m: pipe"))
    #expect(painted.replacing(/\u{1B}\[[0-9]+m/, with: "") == text)
  }

  @Test func lineageIsFiltered() throws {
    let script = try script()
    let all = try #require(lineage(script) { _ in })
    #expect(all.contains("read end") && all.contains("write end"))
    #expect(lineage(script) { $0.pid = 101 } == all)
    #expect(lineage(script) { $0.kinds = [.pipe, .eventfd] } == all)
    #expect(lineage(script) { $0.kinds = [.eventfd] } == nil)
    #expect(lineage(script) { $0.pid = 102 } == nil)
    #expect(lineage(script) { $0.fd = 3 }?.contains("write end") == false)
    // Before the dup, and after the child's close.
    func write(at moment: Nanoseconds) throws -> [String] {
      let text = try #require(lineage(script) { ($0.fd, $0.moment) = (4, moment) })
      return text.split(separator: "\n").dropFirst(2).map { line in
        line.split(separator: " ")[1...2].joined(separator: " ")
      }
    }
    #expect(try write(at: 5000) == ["100 4w", "101 4w"])
    #expect(try write(at: 9500) == ["100 4w", "100 12w"])
    #expect(lineage(script) { ($0.pid, $0.moment) = (101, 1000) } == nil)
  }

  @Test func descriptorsTellWhatTheyMean() throws {
    let script = try script()
    var names = DescriptorNames()
    var report = DumpReport(EventFilter())
    var lines: [String] = []
    for event in script.events {
      let naming = names.apply(event, arena: script.arena, tables: script.tables)
      lines += [report.line(event, arena: script.arena, tables: script.tables, naming: naming)].compactMap(\.self)
    }
    let calls = lines.map { $0.dropFirst(29) }
    #expect(calls[2] == "pipe2([3<pipe #1>, 4<pipe #1>]) = 0 <0.000000>")
    #expect(calls[4] == #"write(4<pipe #1>, "A", 1) = 1 <0.000000>"#)
    #expect(calls[5] == "poll([3<pipe #1>:IN→IN], -1) = 1 <0.000000>")
    #expect(calls[7] == "dup2(4<pipe #1>, 12) = 12<pipe #1> <0.000000>")
    #expect(calls[8] == "close(4<pipe #1>) = 0 <0.000000>")
  }

  /// Where pids have seven digits, what comes after the first such line stands below each other again.
  @Test func longNumbersHaveRoom() throws {
    var script = try Script()
    let child = try script.fork(script.root, pid: 4_194_303)
    let thread = try script.thread(child, tid: 4_194_304)
    script.pipe(thread, 3, 4)
    script.pipe(script.root, 3, 4)
    let lines = dump(script).suffix(2)
    #expect(Set(lines.map { $0.firstRange(of: "pipe2(")?.lowerBound.utf16Offset(in: $0) }).count == 1)
  }

  @Test func asciiIsEnough() throws {
    let script = try script()
    var report = DumpReport(EventFilter(), unicode: false)
    let lines = script.events.compactMap { report.line($0, arena: script.arena, tables: script.tables) }
    #expect(lines[5].contains("[3:IN->IN]"))
    #expect(lines.joined().utf8.allSatisfy { $0 < 0x80 })
  }
}
