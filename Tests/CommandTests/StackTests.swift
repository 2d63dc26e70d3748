// Stacks: Python's lines as CPython itself knows them, C's lines as the compiler does, and targets that lie about theirs.

import Foundation
import Support
import Testing

@Suite(.serialized) struct StackTests {
  private struct Frame: Equatable {
    var function: String
    var file: String
    var line: Int
  }

  /// Every Python that may be here: the system's, and those under pyenv.
  private static let pythons: [String] = {
    let root = ProcessInfo.processInfo.environment["PYENV_ROOT"] ?? NSHomeDirectory() + "/.pyenv"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root + "/versions")) ?? []
    return ["/usr/bin/python3"]
      + versions.sorted().filter { version in (8...14).contains { version.hasPrefix("3.\($0).") } }.map {
        "\(root)/versions/\($0)/bin/python3"
      }
  }()

  /// What `dump --stacks` shows: the frames of each pipe's stack, in order.
  private func stacksOfPipes(_ trace: String) throws -> [[String]] {
    let dump = try Command.run([Command.faultline, "dump", "--stacks", trace])
    #expect(dump.status == 0, "\(dump.error)")
    var stacks: [[String]] = []
    var isOfPipe = false
    for line in dump.output.split(separator: "\n") {
      if line.hasPrefix(String(repeating: " ", count: 29)) {
        if isOfPipe { stacks[stacks.count - 1].append(String(line.drop { $0 == " " || $0 == ">" })) }
        continue
      }
      isOfPipe = line.contains(" pipe2(") || line.contains(" pipe(")
      if isOfPipe { stacks.append([]) }
    }
    return stacks
  }

  private static func python(_ frame: String) -> Frame? {
    guard let match = frame.wholeMatch(of: /(.*) \(([^:]+\.py|<string>):(\d+)\)/) else { return nil }
    return Frame(
      function: match.1.split(separator: ".").last.map(String.init) ?? "", file: String(match.2),
      line: Int(match.3) ?? 0)
  }

  @Test(arguments: pythons) func linesAreThoseThatPythonKnows(_ python: String) throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let program = Victim.repository.appending(path: "Tests/Programs/stack_truth.py").path
    let run = try Command.run(
      [Command.faultline, "trace", "--stacks", "all", "--quiet", "-o", trace, "--", python, program], deadline: 90)
    #expect(run.status == 0, "\(run.error)")
    var truth: [(what: String, frames: [Frame])] = []
    for line in run.output.split(separator: "\n") {
      if line.hasPrefix("== ") {
        truth.append((String(line.dropFirst(3)), []))
      } else if let match = line.firstMatch(of: /\ \ File "(.*)", line (\d+) in (.*)/) {
        let file = match.1.split(separator: "/").last.map(String.init) ?? ""
        truth[truth.count - 1].frames.append(
          Frame(function: String(match.3), file: file, line: Int(match.2) ?? 0))
      }
    }
    #expect(truth.count == 17)
    // Others may have made pipes before the program began.
    let stacks = try stacksOfPipes(trace).suffix(truth.count)
    #expect(stacks.count == truth.count)
    for ((what, frames), stack) in zip(truth, stacks) {
      #expect(stack.compactMap(Self.python) == frames, "\(what): \(stack)")
      // The C function that Python called, too.
      #expect(stack.contains { $0.hasPrefix("pipe2 ") || $0.hasPrefix("__pipe2 ") }, "\(what): \(stack)")
    }
  }

  @Test(.needsManyStacks, arguments: pythons) func namesThatPythonGives(_ python: String) throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let program = Victim.repository.appending(path: "Tests/Programs/given_names.py").path
    let run = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", python, program])
    #expect(run.status == 0, "\(run.error)")
    let report = try Command.run([Command.faultline, "analyze", trace])
    let words = report.output.split { $0.isWhitespace }.joined(separator: " ")
    for who in [
      /thread \d+ "Starter"\)/, /\(pid \d+ "Läufer-7"\)/, /\(pid \d+ "Läufer-7", thread \d+ "Inner"\)/,
    ] { #expect(words.contains(who), "\(words)") }
  }

  /// Clang and Go write no .debug_aranges, by which the unit of an address is found elsewhere.
  @Test(arguments: [true, false]) func linesOfC(_ hasRanges: Bool) throws {
    let source = Victim.repository.appending(path: "Tests/Programs/stack_lines.c").path
    let program = Command.temporary("-stack-lines")
    let trace = Command.temporary(".flt")
    defer { for path in [program, trace] { try? FileManager.default.removeItem(atPath: path) } }
    let built = try Command.run(["gcc", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source])
    try #require(built.status == 0, "\(built.error)")
    if !hasRanges {
      let stripped = try Command.run(["objcopy", "--remove-section=.debug_aranges", program])
      try #require(stripped.status == 0, "\(stripped.error)")
    }
    let run = try Command.run([Command.faultline, "trace", "--stacks", "all", "--quiet", "-o", trace, "--", program])
    #expect(run.status == 0, "\(run.error)")
    let lines = try String(contentsOfFile: source, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    func line(_ mark: String) -> Int { (lines.firstIndex { $0.hasSuffix("// line " + mark) } ?? -1) + 1 }
    let stacks = try stacksOfPipes(trace)
    try #require(stacks.count == 2)
    for frame in [
      "inlined (stack_lines.c:\(line("of the pipe")))", "inner (stack_lines.c:\(line("of the inlined call")))",
      "outer (stack_lines.c:\(line("of the inner call")))", "main (stack_lines.c:\(line("of the outer call")))",
    ] { #expect(stacks[0].contains(frame), "\(frame) is not in \(stacks[0])") }
    // A signal's handler, and the code that the signal interrupted.
    for frame in [
      "handler (stack_lines.c:\(line("in the handler")))", "main (stack_lines.c:\(line("of the signal")))",
    ] { #expect(stacks[1].contains(frame), "\(frame) is not in \(stacks[1])") }
  }

  @Test(arguments: ["auto", "all"]) func whatLiesEndsTheWalk(_ mode: String) throws {
    let program = Command.temporary("-hostile")
    let trace = Command.temporary(".flt")
    defer { for path in [program, trace] { try? FileManager.default.removeItem(atPath: path) } }
    let source = Victim.repository.appending(path: "Tests/Programs/hostile_stacks.c").path
    let built = try Command.run(
      ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-rdynamic", "-o", program, source])
    try #require(built.status == 0, "\(built.error)")
    let native = try Command.run([program])
    let traced = try Command.run(
      [Command.faultline, "trace", "--stacks", mode, "--quiet", "-o", trace, "--", program], deadline: 60)
    #expect(native.status == 0, "\(native.output)")
    #expect(traced.status == 0, "\(traced.error)")
    #expect(traced.output == native.output)
    let analyzed = try Command.run([Command.faultline, "analyze", trace])
    #expect(analyzed.status == 0, "\(analyzed.error)")
    #expect(!(try stacksOfPipes(trace)).isEmpty)
  }

  /// A Python that is not known is refused with a word, and its C functions are told all the same.
  @Test(arguments: [("030f0000", "0", "Python 3.15"), ("030e0000", "1", "Python 3.14 without a GIL")])
  func anUnknownPythonIsRefused(_ version: String, _ isFree: String, _ words: String) throws {
    let program = Command.temporary("-unknown-python")
    let trace = Command.temporary(".flt")
    defer { for path in [program, trace] { try? FileManager.default.removeItem(atPath: path) } }
    let source = Victim.repository.appending(path: "Tests/Programs/unknown_python.c").path
    let built = try Command.run(
      ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-rdynamic", "-o", program, source])
    try #require(built.status == 0, "\(built.error)")
    let run = try Command.run(
      [Command.faultline, "trace", "-o", trace, "--", program, version, isFree], deadline: 60)
    #expect(run.output == "works\n")
    #expect(run.error.contains("\(words): the frames of its functions are not read"), "\(run.error)")
    #expect(try stacksOfPipes(trace).joined().contains { $0.hasPrefix("main (") })
  }

  /// A file that is another than the one that ran names nothing, and that is said.
  @Test func anotherFileNamesNothing() throws {
    let source = Victim.repository.appending(path: "Tests/Programs/stack_lines.c").path
    let program = Command.temporary("-stack-lines")
    let trace = Command.temporary(".flt")
    defer { for path in [program, trace] { try? FileManager.default.removeItem(atPath: path) } }
    try #require(try Command.run(["gcc", "-g", "-O1", "-o", program, source]).status == 0)
    let run = try Command.run([Command.faultline, "trace", "--stacks", "all", "--quiet", "-o", trace, "--", program])
    #expect(run.status == 0, "\(run.error)")
    try #require(try Command.run(["gcc", "-g", "-O2", "-o", program, source]).status == 0)
    let name = program.split(separator: "/").last.map(String.init) ?? ""
    let stacks = try stacksOfPipes(trace)
    #expect(stacks.count == 2)
    #expect(stacks.joined().contains { $0.hasPrefix("0x") && $0.hasSuffix(" in \(name)") })
    #expect(!stacks.joined().contains { $0.contains("stack_lines.c") })
  }

  /// With the names in the trace the file need not be there.
  @Test func embeddedNamesNeedNoFile() throws {
    let source = Victim.repository.appending(path: "Tests/Programs/stack_lines.c").path
    let program = Command.temporary("-stack-lines")
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    try #require(try Command.run(["gcc", "-g", "-O1", "-o", program, source]).status == 0)
    let run = try Command.run(
      [Command.faultline, "trace", "--stacks", "all", "--embed-symbols", "--quiet", "-o", trace, "--", program])
    #expect(run.status == 0, "\(run.error)")
    try FileManager.default.removeItem(atPath: program)
    let stacks = try stacksOfPipes(trace)
    #expect(stacks.count == 2)
    #expect(stacks.allSatisfy { $0.contains { $0.hasPrefix("main (stack_lines.c:") } }, "\(stacks)")
  }

  /// The finding's sentence names the line that wrote, and the line that forked.
  @Test func theFindingNamesTheLines() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let victim = Victim.named("gwibber.py")
    let run = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--"] + (try victim.command()))
    #expect(run.status == 0, "\(run.error)")
    let analyzed = try Command.run([Command.faultline, "analyze", "--format", "json", trace])
    let document = try FindingsDocument(json: analyzed.output)
    let finding = try #require(document.findings.first { $0.rule == "foreign-wakeup-write" })
    #expect(finding.message.contains(/did it in Context\.wakeup \(gwibber\.py:\d+\)/), "\(finding.message)")
    #expect(finding.message.contains(/forked in start_child \(gwibber\.py:\d+\)/), "\(finding.message)")
  }

  @Test func offTakesNone() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let run = try Command.run(
      [Command.faultline, "trace", "--stacks", "off", "--stats", "-o", trace, "--"]
        + (try Victim.named("founding_pipe.c").command()))
    #expect(run.error.contains("stats: stacks 0\n"), "\(run.error)")
    let dump = try Command.run([Command.faultline, "dump", "--stacks", trace]).output
    #expect(dump.contains(" pipe") && !dump.contains(String(repeating: " ", count: 29)))
  }
}
