// `why`: what a program that runs waits for, or where it burns its core, in lines that fit.

import Foundation
import Support
import Testing

@Suite(.serialized) struct WhyTests {
  private func why(_ pid: pid_t, _ runner: Runner = .own, for duration: String = "400ms") throws -> String {
    let result = try Live([Command.faultline, "why", "\(pid)", "--duration", duration], as: runner).end()
    #expect(result.status == 0, "\(result.error)")
    #expect(result.error == "")
    for line in result.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    // As one line, so that it does not matter where lines are broken.
    return result.output.split { " \n".contains($0) }.joined(separator: " ")
  }

  private func start(_ what: String, _ runner: Runner) throws -> Live {
    try Live([try Program.executable("attached_why"), what], as: runner)
  }

  @Test(arguments: Runner.all) func namesALockWhoseOwnerWasNotForked(_ runner: Runner) throws {
    let live = try start("forked_lock", runner)
    let numbers = try live.line().split(separator: " ").compactMap { pid_t($0) }
    let text = try why(numbers[0], runner)
    #expect(text.contains("(pid \(numbers[0])) waits in futex() at"), "\(text)")
    #expect(text.contains("thread \(numbers[1]) holds, which does not exist in this process"), "\(text)")
  }

  @Test(arguments: Runner.all) func namesTheWriterOfAPipe(_ runner: Runner) throws {
    let live = try start("pipe", runner)
    let child = try live.line()
    try until("the read") { Watch.state(live.pid) == "S" }
    let text = try why(live.pid, runner)
    #expect(text.contains("waits in read() on fd 3 (pipe) since before the trace"), "\(text)")
    #expect(text.contains("attached_why (pid \(child), fd 4) could write it"), "\(text)")
  }

  @Test(arguments: Runner.all) func namesChildrenThatAreAwaited(_ runner: Runner) throws {
    let live = try start("children", runner)
    let child = try #require(pid_t(try live.line()))
    try until("the wait") { Watch.state(live.pid) == "S" }
    let text = try why(live.pid, runner)
    #expect(text.contains("waits in wait4() since before the trace; for attached_why (pid \(child)) to end"), "\(text)")
  }

  @Test(arguments: Runner.all) func namesTheModuleThatBurns(_ runner: Runner) throws {
    let live = try start("burn", runner)
    #expect(try live.line() == "going")
    let text = try why(live.pid, runner)
    #expect(text.contains("without a system call, in attached_why+0x"), "\(text)")
  }

  @Test(arguments: Runner.all) func namesASpin(_ runner: Runner) throws {
    let live = try start("spin", runner)
    #expect(try live.line() == "going")
    // 512 returns take longer where other tests run as well.
    let text = try why(live.pid, runner, for: "2s")
    #expect(text.contains("busy-poll"), "\(text)")
    #expect(text.contains("attached_why (pid \(live.pid)) spins on fd 3, see F1"), "\(text)")
  }

  @Test(arguments: Runner.all) func saysWhereALoopIdles(_ runner: Runner) throws {
    let live = try start("idle", runner)
    #expect(try live.line() == "going")
    let text = try why(live.pid, runner)
    #expect(!text.contains("busy-poll") && text.contains("waits in epoll_wait()"), "\(text)")
  }

  @Test(arguments: Runner.all) func saysThatAProgramHasEnded(_ runner: Runner) throws {
    let live = try start("ends", runner)
    #expect(try live.line() == "going")
    let look = try Live([Command.faultline, "why", "\(live.pid)", "--duration", "1m"], as: runner)
    try until("the attach") { Watch.isTraced(live.pid, by: look.pid) }
    live.send("end")
    #expect(try live.end().status == 0)
    let result = try look.end()
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("All threads have ended."), "\(result.output)")
  }
}
