// Programs whose surroundings matter: a process group of their own, a terminal, a parent that waits for their stops.

import Foundation
import Support
import Testing

@Suite(.serialized) struct JobControlTests {
  /// What differs today, and why.
  static let known: [String: Comment] = [:]

  private func expectingKnownIssue(_ name: String, _ body: () throws -> Void) rethrows {
    if let why = Self.known[name] {
      withKnownIssue(why, body)
    } else {
      try body()
    }
  }

  /// Each is the traced command's group as much as the program's: a signal to the group reaches the tracer too.
  @Test(arguments: ["group_signals", "stops_itself"], Runner.all)
  func groupsAreAsNatively(_ name: String, _ runner: Runner) throws {
    try expectingKnownIssue(name) {
      let run = try Comparison(name, driver: "in_own_group", as: runner)
      #expect(run.differences == [])
    }
  }

  @Test(arguments: Runner.all) func terminalJobs(_ runner: Runner) throws {
    let run = try Comparison("terminal_job", driver: "terminal", as: runner)
    #expect(run.native.status == 0, "\(run.native.output)")
    expectingKnownIssue("terminal_job") { #expect(run.differences == []) }
  }

  @Test func childrenOfTheCallingProcessAreNotWaitedFor() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    // exec makes the sleeper a child of the tracer, which did not start it.
    let script = "sleep 10 & echo $!; exec '\(Command.faultline)' trace --quiet -o '\(trace)' -- /bin/true"
    let started = Date()
    let run = try Command.run(["/bin/sh", "-c", script], deadline: 60)
    let took = Date().timeIntervalSince(started)
    if let sleeper = Int32(run.output.trimmingCharacters(in: .whitespacesAndNewlines)), took < 9 {
      kill(sleeper, SIGKILL)
    }
    #expect(run.status == 0)
    expectingKnownIssue("inherited_child") { #expect(took < 5) }
  }
}
