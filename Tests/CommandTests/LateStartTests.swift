// `trace -p` of several processes: what is known of the time before, and how attaching is refused.

import Foundation
import Support
import Testing

@Suite(.serialized) struct LateStartTests {
  private func family(_ how: String, _ runner: Runner) throws -> (parent: Live, child: pid_t) {
    let parent = try Live([try Program.executable("attached_family"), how], as: runner)
    return (parent, try #require(pid_t(try parent.line())))
  }

  @Test(arguments: Runner.all) func aParentsAndItsChildsOpenFilesAreOne(_ runner: Runner) throws {
    let (parent, child) = try family("later", runner)
    let faultline = try Attached([parent.pid, child], ["--duration", "200ms"], as: runner)
    let end = try faultline.end()
    #expect(end.error.contains("the trace began late"))
    #expect(try faultline.document().trace.began_after_start)
    #expect(try faultline.told("analyze").contains("The trace began late"))
    // The write end, once, with the child under its parent.
    let trees = try faultline.told("lineage").split(separator: "open file #").filter { $0.contains(" 4w ") }
    #expect(trees.count == 1)
    let pids = trees.first?.split(separator: "\n").dropFirst().compactMap {
      $0.firstMatch(of: #/(\d+) +4w /#)?.output.1
    }
    #expect(pids == ["\(parent.pid)", "\(child)"], "\(trees)")
  }

  @Test(arguments: Runner.all) func aSpinThatBeganBeforeNamesWhoHoldsTheOtherEnd(_ runner: Runner) throws {
    let (parent, child) = try family("written", runner)
    let faultline = try Attached([parent.pid], ["--until-finding"], as: runner)
    #expect(try faultline.end(deadline: 20).status == 0)
    let findings = try faultline.document().findings
    #expect(findings.map(\.rule) == ["busy-poll"])
    let message = findings.first?.message ?? ""
    #expect(message.contains("it has had 1 byte waiting since before the trace"), "\(message)")
    #expect(message.contains("(pid \(parent.pid), fd 4)"), "\(message)")
    #expect(message.contains("(pid \(child), fd 4, not traced)"), "\(message)")
  }

  @Test(arguments: Runner.all) func aChildThatWritesDuringTheTraceIsTheCause(_ runner: Runner) throws {
    let (parent, child) = try family("later", runner)
    let faultline = try Attached([parent.pid, child], as: runner)
    for pid in [parent.pid, child] { try faultline.hold(pid) }
    // With the line's end 20 bytes.
    parent.send(String(repeating: "x", count: 19))
    try until("the loop's own wakeups") { try faultline.told("dump").contains("read(3, 1) = 1") }
    kill(child, SIGUSR1)
    try until("the spin") { try faultline.document().findings.contains { $0.rule == "busy-poll" } }
    kill(faultline.live.pid, SIGINT)
    #expect(try faultline.end().status == 0)
    let findings = try faultline.document().findings
    #expect(findings.first { $0.rule == "busy-poll" }?.actor?.pid == child)
    withKnownIssue("it is not found of programs that were attached to") {
      let finding = try #require(findings.first { $0.rule == "foreign-wakeup-write" })
      #expect(finding.actor?.pid == child && finding.victim?.pid == parent.pid)
    }
  }

  // MARK: Refusals

  @Test(arguments: [
    ["-p", "1", "--", "/bin/true"], ["--duration", "1s", "--", "/bin/true"], ["--until-finding", "--", "/bin/true"],
    ["-p", "0"], ["-p", "-5"], ["-p", "x"], ["-p", "1", "--duration", "soon"], ["-p", "1", "--duration", "-1s"],
    ["-p", "1", "--duration", "0"], ["-p", "1", "--duration", "1e9"], ["-p", "1", "--duration", "5 parsecs"],
  ]) func nonsenseIsUsage(_ arguments: [String]) throws {
    #expect(try Command.run([Command.faultline, "trace"] + arguments).status == 64)
  }

  @Test(arguments: [("100ms", 0.1...3.0), ("0.5s", 0.5...4.0), ("1", 1.0...5.0), ("0.01m", 0.6...5.0)])
  func durationsAreKept(_ text: String, _ range: ClosedRange<Double>) throws {
    let live = try Live(["/bin/cat"])
    let begun = Date()
    #expect(try Attached([live.pid], ["--duration", text]).end().status == 0)
    #expect(range.contains(Date().timeIntervalSince(begun)))
  }

  /// One line that names the cause, and status 125.
  private func expectRefusal(_ pid: pid_t, _ cause: String, _ runner: Runner = .own) throws {
    let end = try Attached([pid], ["--duration", "100ms"], as: runner).end()
    #expect(end.status == 125)
    #expect(end.error.split(separator: "\n").count == 1, "\(end.error)")
    #expect(end.error.contains(cause), "\(end.error)")
  }

  @Test(arguments: Runner.all) func whatCannotBeAttachedToIsNamed(_ runner: Runner) throws {
    let gone = try Command.spawn(["/bin/true"], standard: ["/dev/null", "/dev/null", "/dev/null"])
    try until("the end") { Watch.state(gone) == "Z" }
    try expectRefusal(gone, "it has ended", runner)
    waitpid(gone, nil, 0)
    try expectRefusal(gone, "no process has the number \(gone)", runner)
    let live = try Live(["/bin/cat"], as: runner)
    let first = try Attached([live.pid], as: runner)
    try first.hold(live.pid)
    try expectRefusal(live.pid, "it is traced by faultline (pid \(first.live.pid)) already", runner)
    kill(first.live.pid, SIGINT)
    #expect(try first.end().status == 0)
  }

  @Test(.enabled(if: getuid() == 0 && Watch.state(2) != nil)) func kernelThreadsAreNamed() throws {
    try expectRefusal(2, "it is a thread of the kernel")
  }

  @Test(.enabled(if: Runner.all.contains(.ordinary))) func othersProcessesNeedPrivilege() throws {
    let live = try Live(["/bin/cat"])
    try expectRefusal(live.pid, "it belongs to user 0; run faultline as that user", .ordinary)
  }
}
