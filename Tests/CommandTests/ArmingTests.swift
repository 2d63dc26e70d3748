// Programs that would notice or break a careless arming of filters: calls injected at the edge of a stack, amid signals, execs and
// filters of their own, without privileges or a vDSO, on numbers that nobody made a channel on. Each does traced, in each
// scope, what it does natively.

import Foundation
import Support
import Testing

@Suite(.serialized) struct ArmingTests {
  /// They check themselves, and tell neither pids nor times.
  static let programs = [
    "edge_of_stack", "kept_registers", "stormed_channels", "rseq_sections", "undisturbed_waits", "exec_while_arming",
    "filters_and_channels", "without_vdso", "lost_privileges", "passed_channels", "renumbered_channels",
    "many_channels", "channels_by_int80", "sleepers",
  ]

  private func endsAlike(_ name: String, _ runner: Runner, scope: String) throws {
    let run = try Comparison(name, as: runner, scope: scope)
    #expect(run.native.status == 0, "\(run.native.output)\(run.native.error)")
    #expect(run.differences == [])
    #expect(run.document?.trace.complete == true)
  }

  @Test(arguments: programs, Runner.all) func endsAlikeInScopeWakeups(_ name: String, _ runner: Runner) throws {
    try endsAlike(name, runner, scope: "wakeups")
  }

  @Test(arguments: programs) func endsAlikeInScopeAll(_ name: String) throws {
    try endsAlike(name, .own, scope: "all")
  }

  @Test(arguments: programs) func endsAlikeInScopeLight(_ name: String) throws {
    try endsAlike(name, .own, scope: "light")
  }

  /// What was wanted at one thread's stop is there before that thread goes on, though another adds it.
  @Test func closesAreSeenWhileAnotherThreadIsArmed() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let program = try Program.executable("closed_at_once")
    let run = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", program])
    #expect(run.status == 0, "\(run.output)\(run.error)")
    let dump = try Command.run([Command.faultline, "dump", trace]).output.split(separator: "\n").map {
      $0.split(separator: " ")
    }
    let closes = Set(dump.filter { $0.count > 2 && $0[2].hasPrefix("close(") }.map { "\($0[0]) \($0[2])" })
    let connections = run.output.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count == 2 }
    #expect(connections.count == 84)
    let missed = connections.filter { !closes.contains("\($0[0]) close(\($0[1]))") }
    #expect(missed == [])
  }
}
