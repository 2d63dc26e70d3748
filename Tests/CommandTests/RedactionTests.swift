// `--redact`: secrets do not reach the file, and who did what to whom can still be told.

import Foundation
import Support
import Testing

@Suite(.serialized) struct RedactionTests {
  /// In every secret of Tests/Programs/private_words.c.
  private static let secret = "s3cret"

  /// Neither the file nor what any command says of it has a secret.
  private func expectNoSecret(_ trace: String) throws {
    let bytes = try Data(contentsOf: URL(filePath: trace))
    #expect(bytes.range(of: Data(Self.secret.utf8)) == nil)
    // A text is told by what it has other than the one before: half a secret is none in the file.
    #expect(bytes.range(of: Data("cret".utf8)) == nil)
    #expect(bytes.range(of: Data("192.0.2.7".utf8)) == nil)
    for command in [
      ["dump"], ["analyze"], ["report", "-o", "-"], ["lineage"], ["export", "--format", "jsonl", "-o", "-"],
    ] {
      let told = try Command.run([Command.faultline] + command + [trace])
      #expect(told.status == 0)
      #expect(!told.output.contains(Self.secret) && !told.error.contains(Self.secret), "\(command)")
    }
  }

  @Test func noSecretReachesTheFile() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let program = try Program.executable("private_words")
    let command = ["trace", "--scope", "all", "-o", trace]
    // That they would be there.
    _ = try Command.run([Command.faultline] + command + ["--", program])
    let plain = try Command.run([Command.faultline, "dump", trace]).output
    for number in [1, 2, 3, 4, 5, 6, 7, 8, 9] { #expect(plain.contains("\(Self.secret)\(number)"), "\(number)") }
    #expect(!plain.contains("\(Self.secret)0"), "no environment is kept")
    #expect(plain.contains("\"\(Self.secret)\""))

    let result = try Command.run([Command.faultline] + command + ["--redact", "--", program])
    #expect(result.status == 0)
    #expect(result.output == "done\n")
    try expectNoSecret(trace)
    let dump = try Command.run([Command.faultline, "dump", trace]).output
    let token = "~[0-9a-f]{10}"
    // The program's name, options' names, what is the system's, and the shape of what was replaced.
    let name = URL(filePath: program).lastPathComponent
    for pattern in [
      "execve\\(\"/proc/self/exe\", \\[\"[~/0-9a-f]*/\(name)\", \"--token=\(token)\", \"-k\", \"\(token)\", \"\(token)\", \"/\(token)/\(token)/\(token)\"\\]",
      "open[a-z]*\\([^)]*\"/\(token)/\(token)/\(token)\"", "bind\\([0-9]+, \"unix:/\(token)/\(token)/\(token)\"",
      "bind\\([0-9]+, \"unix:@\(token)\"", "connect\\([0-9]+, \"\(token):5353\"", "/libc\\.so\\.6",
    ] {
      #expect(try dump.firstMatch(of: Regex(pattern)) != nil, "\(pattern)\n\(dump)")
    }
    // The same file is the same token: opened twice.
    let opened = try dump.matches(of: Regex("\"(/\(token)/\(token)/\(token))\"[^\n]*ENOENT")).compactMap {
      $0[1].substring
    }
    #expect(opened.count == 2 && opened[0] == opened[1], "\(opened)")
    // Of another trace the tokens are others.
    _ = try Command.run([Command.faultline] + command + ["--redact", "--", program])
    #expect(!(try Command.run([Command.faultline, "dump", trace]).output.contains(opened[0])))
  }

  @Test func ofAnAttachedProgramNeither() throws {
    let live = try Live([try Program.executable("private_words"), "wait"])
    #expect(try live.line() == "ready")
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let result = try Command.run(
      [Command.faultline, "trace", "--redact", "-o", trace, "-p", "\(live.pid)", "--duration", "200ms"])
    #expect(result.status == 0, "\(result.error)")
    #expect(!result.error.contains(Self.secret))
    try expectNoSecret(trace)
    let dump = try Command.run([Command.faultline, "dump", trace]).output
    #expect(dump.contains("\"-k\""))
    #expect(try dump.firstMatch(of: Regex("fd [0-9]+ is /~[0-9a-f]{10}/")) != nil)
    #expect(try dump.firstMatch(of: Regex("fd [0-9]+ is socket:\\[[0-9]+\\]")) != nil)
  }

  @Test(.needsManyStacks, arguments: ["founding_pipe.c", "gwibber.py"]) func findingsAreTheSame(_ victim: String) throws
  {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let command = try Victim.named(victim).command()
    func rules(_ options: [String]) throws -> (rules: [String], text: String) {
      let run = try Command.run([Command.faultline, "trace", "-o", trace] + options + ["--"] + command)
      #expect(run.status == 0, "\(run.error)")
      let document = try FindingsDocument(
        json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
      return (document.findings.map { "\($0.rule) \($0.severity)" }, run.error)
    }
    let plain = try rules([])
    let redacted = try rules(["--redact"])
    #expect(redacted.rules == plain.rules)
    #expect(!redacted.text.contains(Victim.repository.path + "/Tests"))
    if victim.hasSuffix(".py") { #expect(redacted.text.contains("start_child (gwibber.py:")) }
  }

  @Test func payloadDoesNotGoWithIt() throws {
    let result = try Command.run([Command.faultline, "trace", "--redact", "--payload", "16", "--", "/bin/true"])
    #expect(result.status == 64)
  }
}
