// Scope light: what lasts is found there as well, what is harmless stays so, and nobody notices.

import Foundation
import Support
import Testing

@Suite(.serialized) struct LightTests {
  @Test(arguments: Victim.all.filter { !$0.isSlow && ($0.isClean || $0.lasts) }) func judgesWhatLasts(_ victim: Victim)
    throws
  {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    guard let command = try victim.commandUnlessLacking() else { return }
    let native = try Command.run(command)
    if native.status == Victim.lacksNeeds { return }
    let traced = try Command.run(
      [Command.faultline, "trace", "--scope", "light", "--quiet", "-o", trace, "--"] + command)
    #expect(traced.status == native.status, "under trace: \(traced.error)")
    #expect(traced.output == native.output)
    let analyzed = try Command.run([Command.faultline, "analyze", "--format", "json", trace])
    let document = try FindingsDocument(json: analyzed.output)
    if victim.isClean {
      #expect(document.findings.filter { $0.severity != "note" }.map(\.message) == [])
    } else {
      let found = Set(document.findings.map(\.rule))
      #expect(Set(victim.expectations.map(\.rule)).subtracting(found) == [], "\(document.findings.map(\.message))")
    }
  }

  /// As long as nothing looks wrong, waits do not stop.
  @Test func waitsRunFree() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let program = try Victim.named("slow_poll.c").command()
    let run = try Command.run([Command.faultline, "trace", "--scope", "light", "--quiet", "-o", trace, "--"] + program)
    #expect(run.status == 0)
    let dump = try Command.run([Command.faultline, "dump", trace]).output
    #expect(dump.contains("traced in scope light"))
    #expect(!dump.contains("poll("))
  }
}
