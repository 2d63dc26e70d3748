// Logs of strace as input of the commands: the same programs are judged alike, by whatever options the log was written.

import Foundation
import Support
import Testing

private let hasStrace = FileManager.default.isExecutableFile(atPath: "/usr/bin/strace")

@Suite(.serialized, .enabled(if: hasStrace, "strace is not installed"))
struct StraceLogTests {
  private static let victims = [
    "founding_pipe.c", "founding_passed.c", "wakeup_fifo.c", "clobbered_by_dup2.c", "held_lock.sh", "glib_idle_add.py",
    "gwibber.py", "asyncio_signal.py", "mp_pool.py",
  ]

  private func log(_ options: [String], _ command: [String], to path: String) throws {
    let traced = try Command.run(["/usr/bin/strace"] + options + ["-o", path, "--"] + command)
    #expect(traced.status == 0, "\(traced.error)")
  }

  private func findings(_ log: String) throws -> FindingsDocument {
    let analyzed = try Command.run([Command.faultline, "analyze", "--format", "json", log])
    #expect(analyzed.status == 0, "\(analyzed.error)")
    return try FindingsDocument(json: analyzed.output)
  }

  private func cleanUp(_ path: String) {
    let folder = URL(filePath: path).deletingLastPathComponent()
    let name = URL(filePath: path).lastPathComponent
    for file in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] where file.hasPrefix(name) {
      try? FileManager.default.removeItem(at: folder.appending(path: file))
    }
  }

  @Test(arguments: victims) func isJudgedAsLabelled(_ name: String) throws {
    let victim = Victim.named(name)
    guard let command = try victim.commandUnlessLacking() else { return }
    if try Command.run(command).status == Victim.lacksNeeds { return }
    let path = Command.temporary(".log")
    defer { cleanUp(path) }
    try log(["-f", "-ttt", "-T", "-yy"], command, to: path)
    let document = try findings(path)
    #expect(document.trace.source == "strace")
    #expect(!document.trace.began_after_start)
    #expect(document.objections(to: victim, root: try VictimTests.root(of: path)) == [])
  }

  @Test(arguments: [
    ["-f"], ["-f", "-t"], ["-f", "-r", "-y"], ["-f", "-tt", "-T", "-x"], ["-f", "-ttt", "-yy", "-v", "-s", "1"],
    ["-f", "-ttt", "-T", "-k"], ["-f", "-ttt", "-xx", "-i", "-n"],
  ]) func optionsDoNotMatter(_ options: [String]) throws {
    let command = try Victim.named("founding_pipe.c").command()
    let path = Command.temporary(".log")
    defer { cleanUp(path) }
    try log(options, command, to: path)
    let text = try Command.run([Command.faultline, "analyze", path])
    #expect(text.status == 0)
    #expect(text.output.contains("error  foreign-wakeup-write"), "\(options): \(text.output)\(text.error)")
    #expect(text.output.contains("error  busy-poll"), "\(options)")
    #expect(!text.output.contains("not read"), "\(options): \(text.error)")
  }

  @Test(arguments: [["-ff", "-ttt", "-T", "-yy"], ["-ff", "-ttt"], ["-ff", "-yy"], ["-ff", "-r"]])
  func aLogForEachThread(_ options: [String]) throws {
    let victim = Victim.named("founding_pipe.c")
    let path = Command.temporary(".log")
    defer { cleanUp(path) }
    try log(options, try victim.command(), to: path)
    let text = try Command.run([Command.faultline, "analyze", path])
    #expect(text.output.contains("foreign-wakeup-write"), "\(text.output)\(text.error)")
  }

  @Test func anImportedLogIsATrace() throws {
    let command = try Victim.named("gwibber.py").command()
    let path = Command.temporary(".log")
    let trace = Command.temporary(".flt")
    defer {
      cleanUp(path)
      cleanUp(trace)
    }
    try log(["-f", "-ttt", "-T", "-yy"], command, to: path)
    let imported = try Command.run([Command.faultline, "import", "-o", trace, path])
    #expect(imported.status == 0, "\(imported.error)")
    let ofLog = try findings(path)
    let ofTrace = try findings(trace)
    #expect(ofLog.findings.map(\.message) == ofTrace.findings.map(\.message))
    #expect(ofLog.findings.map(\.rule).contains("foreign-wakeup-write"))
    // strace cuts long words.
    #expect(ofTrace.trace.source == "strace" && ofTrace.trace.command == ofLog.trace.command)
    #expect(ofTrace.trace.command.count == command.count)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let piped = try Command.run([Command.faultline, "analyze", "--format", "json", "-"], input: text)
    #expect(try FindingsDocument(json: piped.output).findings.map(\.message) == ofLog.findings.map(\.message))
  }

  /// What every command reads twice or once, it reads from a pipe as from a file.
  @Test func standardInputIsAFileAsAnyOther() throws {
    let path = Command.temporary(".log")
    defer { cleanUp(path) }
    try log(["-f", "-ttt", "-T", "-yy"], try Victim.named("founding_pipe.c").command(), to: path)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for command in [
      ["export", "--format", "jsonl", "-o", "-"], ["dump"], ["lineage"], ["report", "--format", "text"],
    ] {
      let ofFile = try Command.run([Command.faultline] + command + [path])
      let piped = try Command.run([Command.faultline] + command + ["-"], input: text)
      #expect(ofFile.status == 0 && piped.status == 0, "\(command): \(piped.error)")
      #expect(ofFile.output == piped.output, "\(command)")
    }
    // Standard input of another command is a pipe, and may hold a trace.
    let trace = Command.temporary(".flt")
    defer { cleanUp(trace) }
    #expect(try Command.run([Command.faultline, "import", "-o", trace, path]).status == 0)
    let script = "cat '\(trace)' | '\(Command.faultline)' analyze --format json -"
    let analyzed = try Command.run(["/bin/sh", "-c", script])
    #expect(try FindingsDocument(json: analyzed.output).findings.count == findings(path).findings.count)
  }

  /// A connection from before the log is known by what -yy says of it: in the log, and in the trace that is made of it.
  @Test func aConnectionFromBeforeIsOneInTheTraceToo() throws {
    let socket = "5<TCP:[127.0.0.1:40000->127.0.0.1:5432]>"
    var lines = ["strace: Process 10 attached"]
    var time = 1_700_000_000.0
    func add(_ tid: Int, _ call: String) {
      time += 0.001
      lines.append("[pid \(tid)] \(String(format: "%.6f", time)) \(call) <0.000100>")
    }
    add(10, "sendto(\(socket), \"select 1\", 8, 0, NULL, 0) = 8")
    add(10, "recvfrom(\(socket), \"one\", 100, 0, NULL, NULL) = 3")
    add(10, "clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 11")
    for _ in 0..<4 {
      for tid in [11, 10] {
        add(tid, "sendto(\(socket), \"select 2\", 8, 0, NULL, 0) = 8")
        add(tid, "recvfrom(\(socket), \"two\", 100, 0, NULL, NULL) = 3")
      }
    }
    let path = Command.temporary(".log")
    let trace = Command.temporary(".flt")
    defer {
      cleanUp(path)
      cleanUp(trace)
    }
    try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try Command.run([Command.faultline, "import", "-o", trace, path]).status == 0)
    let ofLog = try Command.run([Command.faultline, "analyze", path]).output
    #expect(ofLog.contains("shared-connection"), "\(ofLog)")
    #expect(try Command.run([Command.faultline, "analyze", trace]).output == ofLog)
  }

  @Test func outputAmongTheLinesIsNoLine() throws {
    // Without -o strace shares standard error with the program, which cuts strace's own lines.
    let script = """
      import os, select, sys
      reader, writer = os.pipe()
      os.write(writer, b"A")
      for turn in range(1500):
          select.select([reader], [], [])
          if turn % 100 == 0: os.write(2, b"no newline here")
          if turn % 100 == 1: os.write(2, b"one\\n")
      """
    let traced = try Command.run(["/usr/bin/strace", "-f", "/usr/bin/python3", "-c", script])
    #expect(traced.status == 0)
    let analyzed = try Command.run([Command.faultline, "analyze", "--verbose", "-"], input: traced.error)
    #expect(analyzed.status == 0)
    #expect(analyzed.output.contains("busy-poll"), "\(analyzed.output)")
    #expect(!analyzed.error.contains("call without its result"), "\(analyzed.error)")
  }

  /// Texts that are made of a log's calls and hold none: what to give instead is said.
  @Test(arguments: [
    (
      """
      % time     seconds  usecs/call     calls    errors syscall
      ------ ----------- ----------- --------- --------- ----------------
       98.65   21.938838         109    200371     39874 futex
      ------ ----------- ----------- --------- --------- ----------------
      100.00   21.938838                200371     39874 total

      """, "record without -c, or with -C"
    ),
    (
      """
       173453 recvmsg(3, {msg_namelen=0}, 0)          = -1 EAGAIN (Resource temporarily unavailable)
       116879 poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])
          309 sched_yield()                           = 0
            8 getpid()                                = 1405

      """, "uniq -c"
    ),
  ]) func whatHoldsNoCallsIsNamed(_ text: String, advice: String) throws {
    let path = Command.temporary(".txt")
    defer { cleanUp(path) }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    for command in ["analyze", "import", "dump"] {
      let refused = try Command.run([Command.faultline, command, path])
      #expect(refused.status == 65 && refused.output == "")
      #expect(refused.error.contains(advice) && refused.error.split(separator: "\n").count == 1, "\(refused.error)")
    }
  }

  @Test func whatIsNoLogIsRefused() throws {
    let text = Command.temporary(".txt")
    defer { cleanUp(text) }
    try "Nothing here is a system call (or is it?).\n".write(toFile: text, atomically: true, encoding: .utf8)
    for command in ["analyze", "import", "dump"] {
      let refused = try Command.run([Command.faultline, command, text])
      #expect(refused.status == 65 && refused.output == "")
      #expect(refused.error.split(separator: "\n").count == 1, "\(refused.error)")
      #expect(try Command.run([Command.faultline, command, "-"], input: "No log.\n").status == 65)
      #expect(try Command.run([Command.faultline, command, text + ".none"]).status == 66)
    }
  }
}
