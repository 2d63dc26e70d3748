// What a program does natively it does under trace: same output, same end.

import Foundation
import Support
import Testing

@Suite struct TransparencyTests {
  /// Runs a program of Tests/Programs natively and traced; both must end alike.
  private func compare(_ name: String) throws -> FindingsDocument {
    let program = Command.temporary("")
    let trace = Command.temporary(".flt")
    defer { for path in [program, trace] { try? FileManager.default.removeItem(atPath: path) } }
    let source = Victim.repository.appending(path: "Tests/Programs/\(name)").path
    let compiled = try Command.run(["cc", "-O1", "-Wall", "-Werror", "-pthread", "-o", program, source])
    #expect(compiled.status == 0, "\(compiled.error)")
    let native = try Command.run([program])
    let traced = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", program])
    #expect(traced.status == native.status, "\(traced.error)")
    #expect(traced.output == native.output)
    return try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
  }

  @Test func childrenOfKilledParentsGoOn() throws {
    let document = try compare("killed_forker.c")
    #expect(document.trace.complete)
    #expect(document.trace.processes > 60)
  }

  @Test func execFromAnotherThreadEndsTheOthers() throws {
    #expect(try compare("exec_from_thread.c").trace.complete)
  }

  @Test func ignoredSignalsInterruptNothing() throws {
    #expect(try compare("ignored_signals.c").trace.complete)
  }

  @Test func argumentsAreBytes() throws {
    let output = Command.temporary("")
    let trace = Command.temporary(".flt")
    defer { for path in [output, trace] { try? FileManager.default.removeItem(atPath: path) } }
    // The shell makes the bytes, since Swift's strings cannot hold them.
    let script =
      "exec '\(Command.faultline)' trace --quiet -o '\(trace)' -- /bin/echo \"$(printf 'a\\377\\376b')\" > '\(output)'"
    #expect(try Command.run(["/bin/sh", "-c", script]).status == 0)
    #expect(Array(try Data(contentsOf: URL(filePath: output))) == [0x61, 0xFF, 0xFE, 0x62, 0x0A])
    let dump = try Command.run([Command.faultline, "dump", trace])
    #expect(dump.output.contains(#""a\xff\xfeb""#))
  }

  @Test func anOldTraceSurvivesAMistypedCommand() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    try Data("precious".utf8).write(to: URL(filePath: trace))
    #expect(try Command.run([Command.faultline, "trace", "-o", trace, "--", "no-such-command"]).status == 127)
    #expect(try String(contentsOfFile: trace, encoding: .utf8) == "precious")
  }

  @Test func aTraceIsPrivate() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    try Data().write(to: URL(filePath: trace))
    #expect(chmod(trace, 0o644) == 0)
    #expect(try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", "/bin/true"]).status == 0)
    let mode = try FileManager.default.attributesOfItem(atPath: trace)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }
}
