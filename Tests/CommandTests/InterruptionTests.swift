// What is left when the tracer dies: a file that reads up to the last event, and no target.

import Foundation
import Support
import Testing

@Suite struct InterruptionTests {
  /// Runs a program under trace, and returns the tracer's pid once the program said something.
  private func start(_ name: String, _ trace: String) throws -> pid_t {
    let program = Command.temporary("")
    let source = Victim.repository.appending(path: "Tests/Programs/\(name)").path
    let compiled = try Command.run(["cc", "-O1", "-o", program, source])
    #expect(compiled.status == 0, "\(compiled.error)")
    let said = Command.temporary(".fifo")
    #expect(mkfifo(said, 0o600) == 0)
    // Both ends at once, so that neither side's open waits for the other.
    let reader = open(said, O_RDWR | O_CLOEXEC)
    defer {
      close(reader)
      unlink(said)
    }
    let pid = try Command.spawn(
      [Command.faultline, "trace", "--quiet", "-o", trace, "--", program], standard: ["/dev/null", said, "/dev/null"])
    var set = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
    #expect(poll(&set, 1, 60_000) == 1, "the program said nothing within a minute")
    return pid
  }

  private func status(of pid: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status
  }

  @Test func killedTracerLeavesATraceThatReadsToItsEnd() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let pid = try start("spin_until_killed.c", trace)
    kill(pid, SIGKILL)
    #expect(status(of: pid) == SIGKILL)
    let analyzed = try Command.run([Command.faultline, "analyze", "--format", "json", trace])
    #expect(analyzed.status == 0)
    #expect(analyzed.error.contains("incomplete"))
    let document = try FindingsDocument(json: analyzed.output)
    #expect(!document.trace.complete)
    #expect(document.findings.map(\.rule) == ["busy-poll"])
    // The spin is one record, which was updated until the end came.
    #expect(document.trace.folded_calls > 900)
    #expect(document.trace.events < 1000)
    // The target goes on before its call is written down: the last ones may lack.
    #expect(document.findings.first.map { $0.count > 990 } ?? false)
    let dump = try Command.run([Command.faultline, "dump", trace]).output
    #expect(dump.split(separator: "\n").contains { $0.contains("poll(") && $0.contains(" times in ") })
  }

  @Test func terminatedTracerPassesTheSignalOnAndFinishesTheTrace() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let pid = try start("spin_until_killed.c", trace)
    kill(pid, SIGTERM)
    #expect(status(of: pid) & 0x7F == SIGTERM)
    let document = try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
    #expect(document.trace.complete)
    #expect(document.findings.first?.rule == "busy-poll")
  }

  @Test func aThreadThatIsBlockedAtTheEndIsNamed() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let pid = try start("blocked_in_poll.c", trace)
    // A trace can be read while it is written: wait until the call stands in it.
    let deadline = Date().addingTimeInterval(30)
    while try !Command.run([Command.faultline, "dump", trace]).output.contains("poll([3:IN], -1) = ? <unfinished>") {
      try #require(Date() < deadline, "the poll did not come into the trace")
    }
    kill(pid, SIGKILL)
    #expect(status(of: pid) == SIGKILL)
    let analyzed = try Command.run([Command.faultline, "analyze", trace])
    #expect(analyzed.status == 0)
    #expect(analyzed.output.contains("at the end in poll on fd 3 (pipe)"))
  }

  @Test func interruptsWithinASecondEndTheProgramAndKeepTheTrace() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let pid = try start("spin_until_killed.c", trace)
    // Sent to the tracer alone, as often as it takes: two that are pending together are one.
    var ended: Int32 = 0
    let deadline = Date().addingTimeInterval(30)
    while waitpid(pid, &ended, WNOHANG) == 0 {
      try #require(Date() < deadline, "the program was not ended")
      kill(pid, SIGINT)
      usleep(50_000)
    }
    #expect(ended & 0x7F == SIGKILL)
    let document = try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
    #expect(document.trace.complete)
    #expect(document.findings.first?.rule == "busy-poll")
  }
}
