// `dump` as a command: its options, and what becomes of it when nobody reads on.

import Foundation
import Support
import Testing

@Suite struct DumpCommandTests {
  @Test func optionsChooseEvents() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    _ = try Command.run(
      [Command.faultline, "trace", "--quiet", "-o", trace, "--"] + Victim.named("founding_pipe.c").command())
    func dump(_ options: String...) throws -> [Substring] {
      let result = try Command.run([Command.faultline, "dump"] + options + [trace])
      #expect(result.status == 0 && !result.output.contains("\u{1B}"), "\(result.error)")
      return result.output.split(separator: "\n")
    }
    let all = try dump()
    let polls = try dump("--syscall", "poll,pipe2", "--syscall", "write")
    #expect(polls == all.filter { [" poll(", " pipe2(", " write("].contains(where: $0.contains) })
    #expect(polls.contains { $0.contains(" poll(") } && polls.contains { $0.contains(" write(") })
    let times = all.compactMap { Double($0.dropFirst(13).trimmingPrefix { $0 == " " }.prefix { $0 != " " }) }
    #expect(times.count == all.count)
    let middle = try #require(times.max()) / 2
    let early = try dump("--until", "\(middle)")
    let late = try dump("--since", "\(middle)")
    #expect(!early.isEmpty && !late.isEmpty && early.count + late.count >= all.count)
    #expect(try Command.run([Command.faultline, "dump", "--syscall", "no_such_call", trace]).status == 64)
  }

  @Test(arguments: ["dump", "lineage"]) func aPagerThatWasLeftIsNoError(_ command: String) throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    _ = try Command.run(
      [Command.faultline, "trace", "--quiet", "-o", trace, "--"] + Victim.named("founding_pipe.c").command())
    // With SIGPIPE ignored, as many programs hand it down, and as it is by itself.
    let script = """
      import os, subprocess, sys
      for restored in False, True:
          reader, writer = os.pipe()
          os.close(reader)
          print(subprocess.run(sys.argv[1:], stdout=writer, restore_signals=restored, timeout=60).returncode)
      """
    let result = try Command.run(["/usr/bin/python3", "-c", script, Command.faultline, command, trace])
    #expect(result.output == "141\n-13\n")
    #expect(result.error == "")
  }
}
