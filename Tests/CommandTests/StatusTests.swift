// `trace` ends as its target ended, and every failure has its own status and one line (CONTRACT: exit statuses).

import Foundation
import Support
import Testing

@Suite struct StatusTests {
  private func trace(_ arguments: [String], input: String = "") throws -> CommandResult {
    let file = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: file) }
    return try Command.run([Command.faultline, "trace", "--quiet", "-o", file, "--"] + arguments, input: input)
  }

  @Test(arguments: [0, 1, 42, 255]) func mirrorsExitStatus(_ status: Int32) throws {
    #expect(try trace(["/bin/sh", "-c", "exit \(status)"]).status == status)
  }

  @Test(arguments: [SIGTERM, SIGKILL, SIGSEGV, SIGINT, SIGABRT, SIGUSR1])
  func mirrorsDeathBySignal(_ signal: Int32) throws {
    let result = try trace(["/bin/sh", "-c", "kill -\(signal) $$"])
    #expect(result.signal == signal)
  }

  @Test func passesInputAndOutputThrough() throws {
    let result = try trace(["/bin/cat"], input: "one\ntwo\n")
    #expect(result.output == "one\ntwo\n")
    #expect(result.error == "")
  }

  @Test func saysThatACommandIsMissing() throws {
    let result = try trace(["no-such-command-here"])
    #expect(result.status == 127)
    #expect(result.error == "faultline: no-such-command-here: command not found\n")
  }

  @Test func saysThatACommandCannotBeRun() throws {
    #expect(try trace(["/"]).status == 126)
    #expect(try trace(["/etc/passwd"]).status == 126)
  }

  @Test func saysThatTheTraceCannotBeWritten() throws {
    let result = try Command.run([Command.faultline, "trace", "-o", "/no/such/folder/x.flt", "--", "/bin/true"])
    #expect(result.status == 73)
    #expect(result.error.split(separator: "\n").count == 1)
  }

  @Test func usageIs64() throws {
    #expect(try Command.run([Command.faultline, "trace"]).status == 64)
    #expect(try Command.run([Command.faultline, "nonsense"]).status == 64)
    #expect(try Command.run([Command.faultline, "analyze", "--format", "xml", "x"]).status == 64)
  }

  @Test func badInputIsOneLine() throws {
    let missing = try Command.run([Command.faultline, "analyze", "/no/such.flt"])
    #expect(missing.status == 66)
    #expect(missing.error.split(separator: "\n").count == 1)
    let file = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: file) }
    for content in ["", "x", "this is no trace at all\n", String(repeating: "\0", count: 200)] {
      try Data(content.utf8).write(to: URL(filePath: file))
      for command in ["analyze", "report", "dump", "lineage"] {
        let result = try Command.run([Command.faultline, command, file])
        #expect(result.status == 65, "\(command) of \(content.debugDescription)")
        #expect(result.error.split(separator: "\n").count == 1)
      }
    }
  }

  @Test func checkFailsOnFindings() throws {
    let file = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: file) }
    let bad = try Victim.named("founding_pipe.c").command()
    #expect(try Command.run([Command.faultline, "check", "-o", file, "--"] + bad).status == 1)
    #expect(try Command.run([Command.faultline, "check", "-o", file, "--", "/bin/sh", "-c", "exit 7"]).status == 7)
    _ = try Command.run([Command.faultline, "trace", "--quiet", "-o", file, "--"] + bad)
    #expect(try Command.run([Command.faultline, "analyze", "--fail-on", "error", file]).status == 1)
    #expect(try Command.run([Command.faultline, "analyze", file]).status == 0)
  }

  @Test func answersWhenNothingIsWrong() throws {
    let file = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: file) }
    let result = try Command.run([Command.faultline, "trace", "-o", file, "--", "/bin/sleep", "0.05"])
    #expect(result.error.contains("no findings"))
    #expect(result.error.contains("CPU"))
    #expect(result.error.contains("clock_nanosleep"))
  }

  @Test func namesTheFileAfterTheCommand() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "faultline-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    _ = try Command.run(["/bin/sh", "-c", "cd '\(folder.path)' && '\(Command.faultline)' trace --quiet -- /bin/true"])
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(names.count == 1)
    #expect(names.first?.wholeMatch(of: /true\.[0-9]+\.flt/) != nil)
  }
}
