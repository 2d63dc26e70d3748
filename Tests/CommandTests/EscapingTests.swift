// What programs are called, told and send is shown harmlessly by every command: no terminal obeys it, no page runs it, no line breaks.

import Foundation
import Support
import Testing

@Suite(.serialized) struct EscapingTests {
  enum Hostile: String, CaseIterable {
    case c, python

    static let word =
      "\u{1B}[31m\u{1B}]0;pwned\u{7}\u{9B}31m\r\n\t\u{7F}\u{202E}\u{2066}\u{E0041}\u{2028}</script><script>window.pwned=1</script>"

    func command(_ arguments: [String] = []) throws -> [String] {
      switch self {
      case .c: [try Program.executable("hostile_loop"), Self.word] + arguments
      case .python: ["/usr/bin/python3", Victim.repository.appending(path: "Tests/Programs/hostile_loop.py").path]
      }
    }
  }

  /// The trace of a hostile program, and what `trace` said.
  private final class Traced {
    let path = Command.temporary(".flt")
    let said: String

    init(_ hostile: Hostile) throws {
      let run = try Command.run(
        [Command.faultline, "trace", "--scope", "all", "--payload", "200", "-o", path, "--"] + (try hostile.command()))
      try #require(run.output == "done\n", "\(run.error)")
      said = run.error
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func told(_ arguments: [String]) throws -> String {
      let run = try Command.run([Command.faultline] + arguments + [path])
      #expect(run.status == 0, "\(arguments): \(run.error)")
      return run.output
    }
  }

  /// Everything but line ends that is obeyed, hides, or turns the direction.
  private func harmful(_ text: String) -> [String] {
    let found = text.unicodeScalars.filter { scalar in
      switch scalar.properties.generalCategory {
      case .control: scalar != "\n"
      case .format, .lineSeparator, .paragraphSeparator, .unassigned: true
      default: false
      }
    }
    return Set(found).map { String($0.value, radix: 16) }.sorted()
  }

  @Test(.needsManyStacks, arguments: Hostile.allCases) func noOutputIsHarmful(_ hostile: Hostile) throws {
    let traced = try Traced(hostile)
    #expect(harmful(traced.said) == [], "trace")
    #expect(traced.said.contains("foreign-wakeup-write"))
    #expect(traced.said.split(separator: "\n").allSatisfy { $0.hasPrefix("faultline: ") }, "\(traced.said)")
    for command in [
      ["analyze"], ["analyze", "--format", "json"], ["analyze", "--format", "sarif"], ["report", "--format", "text"],
      ["report", "-o", "-"], ["dump"], ["dump", "--stacks"], ["lineage"], ["export", "--format", "jsonl", "-o", "-"],
    ] {
      let output = try traced.told(command)
      #expect(harmful(output) == [], "\(command)")
      // The table of open files names programs, not threads.
      if command == ["lineage"], hostile == .python { continue }
      #expect(output.contains("img src=x") || output.contains("img x"), "\(command) has shown what there is")
    }
    // The function that the finding names.
    #expect(traced.said.contains("<img src=x onerror=window.pwned=1>"))
  }

  @Test(arguments: Hostile.allCases) func documentsParseAndKeepTheTexts(_ hostile: Hostile) throws {
    let traced = try Traced(hostile)
    for format in ["json", "sarif"] {
      let document = try JSONSerialization.jsonObject(with: Data(traced.told(["analyze", "--format", format]).utf8))
      #expect(document is [String: Any], "\(format)")
    }
    let document = try FindingsDocument(json: traced.told(["analyze", "--format", "json"]))
    if hostile == .c {
      #expect(document.trace.command.dropFirst() == [Hostile.word])
    }
    for finding in document.findings { #expect(harmful(finding.message) == []) }
  }

  @Test(.needsManyStacks, arguments: Hostile.allCases) func aPerfettoTraceHasNoneEither(_ hostile: Hostile) throws {
    let traced = try Traced(hostile)
    let path = Command.temporary(".pftrace")
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try traced.told(["export", "--format", "perfetto", "-o", path])
    let bytes = try Data(contentsOf: URL(filePath: path))
    for text in ["\u{1B}[", "\u{202E}", "\u{2066}", "\u{9B}31m", "\u{1B}]0"] {
      #expect(bytes.range(of: Data(text.utf8)) == nil, "\(text.debugDescription)")
    }
    #expect(bytes.range(of: Data("<img".utf8)) != nil, "the names are there")
  }

  @Test func whyShowsAHostileProcess() throws {
    let live = try Live(try Hostile.c.command(["wait"]))
    #expect(try live.line() == "done")
    let result = try Command.run([Command.faultline, "why", "--duration", "200ms", "\(live.pid)"])
    #expect(result.status == 0)
    #expect(harmful(result.output) == [])
    #expect(harmful(result.error) == [])
    #expect(result.output.contains("poll"))
    // A file that is named after a process has a name that a listing can show.
    let folder = Command.temporary("-folder")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let traced = try Command.run(
      ["/bin/sh", "-c", "cd '\(folder)' && exec '\(Command.faultline)' trace -p \(live.pid) --duration 100ms"])
    #expect(traced.status == 0)
    #expect(harmful(traced.error) == [])
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(names.count == 1 && harmful(names[0]) == [], "\(names)")
  }

  @Test func pathsInMessagesAreShownHarmlessly() throws {
    let path = "/nowhere/\u{1B}[31m\u{202E}\n"
    for command in [["analyze"], ["report"], ["dump"], ["lineage"], ["export", "--format", "jsonl"]] {
      let result = try Command.run([Command.faultline] + command + [path])
      #expect(result.status == 66)
      #expect(harmful(result.error) == [])
      #expect(result.error.split(separator: "\n").count == 1)
    }
    let program = try Command.run([Command.faultline, "trace", "-o", "/dev/null", "--", path])
    #expect(program.status == 127)
    #expect(harmful(program.error) == [])
    let usage = try Command.run([Command.faultline, "analyze", "--format", path])
    #expect(usage.status == 64)
  }

  /// What Tests/Browser/check_escaping.py has seen.
  private struct Seen: Decodable {
    var pwned: String
    var title: String
    var images: Int
    var scripts: Int
    var shows_markup: Bool
    var findings: Int
    var harmful: [String]
    var complaints: [String]
  }

  /// Those that are here with their drivers.
  private static let browsers = [
    ("chromium", ["chromium", "chromedriver"]), ("firefox", ["firefox-esr", "geckodriver"]),
  ]
  .filter { _, programs in programs.allSatisfy(isInPath) }.map(\.0)

  private static func isInPath(_ program: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
  }

  @Test(
    .enabled(if: !browsers.isEmpty, "needs chromium with chromedriver, or firefox-esr with geckodriver"),
    arguments: browsers, Hostile.allCases)
  func noScriptOfTheTraceRuns(_ browser: String, _ hostile: Hostile) throws {
    let traced = try Traced(hostile)
    let page = Command.temporary(".html")
    let plain = Command.temporary(".html")
    let calm = Command.temporary(".flt")
    defer { for path in [page, plain, calm] { try? FileManager.default.removeItem(atPath: path) } }
    _ = try traced.told(["report", "-o", page])
    _ = try Command.run([Command.faultline, "trace", "--quiet", "-o", calm, "--", "/bin/true"])
    _ = try Command.run([Command.faultline, "report", "-o", plain, calm])
    let script = Victim.repository.appending(path: "Tests/Browser/check_escaping.py").path
    func seen(_ page: String) throws -> Seen {
      let check = try Command.run(["/usr/bin/python3", script, browser, page], deadline: 120)
      try #require(check.status == 0, "\(check.error)")
      return try JSONDecoder().decode(Seen.self, from: Data(check.output.utf8))
    }
    let hostilePage = try seen(page)
    #expect(hostilePage.pwned == "undefined")
    #expect(hostilePage.images == 0)
    #expect(hostilePage.scripts == (try seen(plain)).scripts)
    #expect(hostilePage.shows_markup, "the texts were shown, as texts")
    #expect(hostilePage.findings >= 2)
    #expect(hostilePage.harmful == [])
    #expect(harmful(hostilePage.title) == [])
    #expect(hostilePage.complaints == [])
  }
}
