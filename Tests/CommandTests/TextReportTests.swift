// `report --format text` of real traces: what is in it, and that it fits where it is read.

import Foundation
import Support
import Testing

@testable import Report

@Suite(.serialized) struct TextReportTests {
  private static let examples = try! FileManager.default.contentsOfDirectory(
    atPath: Victim.repository.appending(path: "traces").path
  ).filter { $0.hasSuffix(".flt") }.sorted()

  private func report(_ trace: String, _ environment: [String: String] = [:]) throws -> String {
    let plain = ["LC_ALL": "C.UTF-8", "COLUMNS": "", "NO_COLOR": ""].merging(environment) { $1 }
    let ended = try Command.run([Command.faultline, "report", "--format", "text", trace], environment: plain)
    #expect(ended.status == 0, "\(ended.error)")
    return ended.output
  }

  private func example(_ name: String) -> String { Victim.repository.appending(path: "traces/\(name)").path }

  @Test(arguments: examples) func everyLineFits(_ name: String) throws {
    for columns in [80, 60, 200] {
      let text = try report(example(name), columns == 80 ? [:] : ["COLUMNS": "\(columns)"])
      #expect(text.contains("Timeline"))
      #expect(!text.contains("\u{1B}"))
      for line in text.split(separator: "\n") {
        #expect(Columns.count(line) <= columns, "\(line)")
        #expect(line.last != " ", "\(line)")
      }
    }
    let ascii = try report(example(name), ["LC_ALL": "C"])
    #expect(ascii.utf8.allSatisfy { $0 < 0x80 })
    #expect(ascii.split(separator: "\n").allSatisfy { $0.utf8.count <= 80 })
  }

  /// The founding bug as somebody sees it who has five minutes.
  @Test func theFoundingBugIsObvious() throws {
    let text = try report(example("gwibber.flt"))
    let found = try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", example("gwibber.flt")]).output)
    let act = try #require(found.findings.first { $0.rule == "foreign-wakeup-write" })
    let (actor, victim) = (try #require(act.actor), try #require(act.victim))
    let lines = text.split(separator: "\n").map(String.init)
    func lane(_ number: String) -> String? {
      lines.first { $0.drop { $0 == " " }.hasPrefix("\(number) ") && $0.contains { "▒▼".contains($0) } }
    }
    let loop = try #require(lane("\(victim.pid)"))
    let child = try #require(lane("\(actor.pid)"))
    func column(_ line: String, _ sign: Character) -> Int? {
      line.lastIndex(of: sign).map { line.distance(from: line.startIndex, to: $0) }
    }
    // The child stands below its parent, and from its write on the parent spins while a byte waits.
    #expect(child.hasPrefix(" \(actor.pid) "))
    let spin = try #require(loop.firstIndex(of: "█")).utf16Offset(in: loop)
    let write = try #require(column(child, "▼"))
    #expect((write...write + 2).contains(spin))
    let waits = try #require(lines.first { $0.hasPrefix("\(victim.pid) fd \(act.object!.victim_fd!) (pipe)") })
    #expect(waits.suffix(waits.count - write - 1).allSatisfy { $0 == "1" })
    #expect(waits.count > write + 5)
    // What led there, in its order; each step once.
    let story = try #require(lines.firstIndex(of: "Story"))
    let end = try #require(lines.firstIndex { $0.hasPrefix("Timeline") })
    let steps = lines[story..<end].map { $0 }
    let expected = [
      "pipe2([3, 4]", "forks \(actor.pid)", #"write(4, "A", 1) = 1 (F1)"#, "begins to spin on fd 3 (pipe) (F2)",
      "without progress (F2)",
    ]
    let places = expected.map { step in steps.indices.filter { steps[$0].contains(step) } }
    #expect(places.allSatisfy { $0.count == 1 }, "\(steps)")
    #expect(places.compactMap(\.first) == places.compactMap(\.first).sorted())
    // Who had which end.
    #expect(text.contains("pipe #\(act.object!.id), read end (F1, F2)"))
    #expect(text.contains("pipe #\(act.object!.id), write end (F1, F2)"))
    let held = lines.filter { $0.contains("\(actor.pid)") && $0.contains("forked by") && $0.contains("  4w  ") }
    #expect(held.count == 1)
  }

  /// A worker with a name of wide, long and hostile characters.
  @Test func namesBreakNoAlignment() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let program = """
      import multiprocessing, os, select
      reader, writer = os.pipe()
      name = "日本語のワーカー\\U0001F642\\u202e\\x1b[31m" + "x" * 100
      worker = multiprocessing.get_context("fork").Process(target=lambda: os.write(writer, b"A"), name=name)
      worker.start()
      worker.join()
      for _ in range(3000): select.select([reader], [], [])
      """
    let run = try Command.run(
      [Command.faultline, "trace", "--quiet", "-o", trace, "--", "/usr/bin/python3", "-c", program])
    #expect(run.status == 0, "\(run.error)")
    let text = try report(trace)
    #expect(text.contains("日本語") && !text.contains("\u{1B}") && !text.contains("\u{202E}"))
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { Columns.count($0) <= 80 }, "\(lines.filter { Columns.count($0) > 80 })")
    // The last column of the table stands below its title in every line.
    let head = try #require(lines.firstIndex { $0.hasPrefix("  COMMAND ") })
    func column(_ line: String, _ word: String) -> Int? {
      line.range(of: word).map { Columns.count(line[..<$0.lowerBound]) }
    }
    let how = try #require(column(lines[head], "HOW"))
    let rows = lines[head...].filter { $0.contains("forked by") }
    #expect(!rows.isEmpty && rows.allSatisfy { column($0, "forked by") == how }, "\(rows)")
    let bare = try report(trace, ["LC_ALL": "C"])
    #expect(bare.utf8.allSatisfy { $0 < 0x80 })
    #expect(bare.split(separator: "\n").allSatisfy { $0.utf8.count <= 80 })
  }

  @Test func coloursAreForTerminals() throws {
    let trace = example("gwibber.flt")
    let file = Command.temporary(".txt")
    defer { try? FileManager.default.removeItem(atPath: file) }
    // A terminal of 132 columns; what is written to a file has no colours although there is one.
    let script = """
      import fcntl, os, pty, struct, subprocess, sys, termios
      def run(command, **more):
          master, slave = pty.openpty()
          fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 132, 0, 0))
          environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm", **more}
          for name in ("COLUMNS", "NO_COLOR"):
              if name not in more: environment.pop(name, None)
          child = subprocess.Popen(command, stdout=slave, stdin=subprocess.DEVNULL, env=environment)
          os.close(slave)
          text = b""
          while True:
              try: part = os.read(master, 65536)
              except OSError: break
              if not part: break
              text += part
          child.wait(timeout=60)
          return text.decode().replace("\\r\\n", "\\n")
      command = sys.argv[1:-1]
      texts = [run(command), run(command, NO_COLOR="1"), run(command, TERM="dumb")]
      run(command + ["-o", sys.argv[-1]])
      sys.stdout.write("\\0".join(texts + [open(sys.argv[-1]).read()]))
      """
    let ended = try Command.run(
      ["/usr/bin/python3", "-c", script, Command.faultline, "report", "--format", "text", trace, file], deadline: 120)
    #expect(ended.status == 0, "\(ended.error)")
    let texts = ended.output.split(separator: "\0").map(String.init)
    try #require(texts.count == 4)
    #expect(texts[0].contains("\u{1B}[31m█"))
    let bare = texts[0].replacing(/\u{1B}\[[0-9]+m/, with: "")
    #expect(bare == texts[1] && bare == texts[2])
    let widest = bare.split(separator: "\n").map { Columns.count($0) }.max() ?? 0
    #expect((100...132).contains(widest))
    #expect(texts[3].contains("█") && !texts[3].contains("\u{1B}"))
    #expect(texts[3].split(separator: "\n").allSatisfy { Columns.count($0) <= 80 })
  }
}
