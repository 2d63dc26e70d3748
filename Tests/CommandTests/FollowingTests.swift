// Who is followed, under which number, until when, and what the trace says of whom it cannot follow.

import Foundation
import Support
import Testing

@Suite(.serialized) struct FollowingTests {
  @Test func survivorsOfTheRootAreFollowedToTheirEnd() throws {
    let file = Command.temporary("")
    defer { try? FileManager.default.removeItem(atPath: file) }
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let program = try Program.executable("survivors")
    let run = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", program, file], deadline: 60)
    #expect(run.status == 31)
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "the daemon ends\n")
    let dump = try Command.run([Command.faultline, "dump", trace]).output
    for status in [0, 7, 8, 31] { #expect(dump.contains("+++ exited with \(status) +++"), "\(dump)") }
  }

  @Test func targetsDieWithTheirTracer() throws {
    let program = try Program.executable("blocked_in_poll")
    let output = Command.temporary("")
    let trace = Command.temporary(".flt")
    defer { for path in [output, trace] { try? FileManager.default.removeItem(atPath: path) } }
    let tracer = try Command.spawn(
      [Command.faultline, "trace", "--quiet", "-o", trace, "--", program], standard: ["/dev/null", output, "/dev/null"])
    let deadline = Date().addingTimeInterval(30)
    while try Data(contentsOf: URL(filePath: output)).isEmpty {
      try #require(Date() < deadline)
      usleep(10_000)
    }
    let children = try String(contentsOfFile: "/proc/\(tracer)/task/\(tracer)/children", encoding: .utf8)
    let target = try #require(children.split(separator: " ").compactMap { Int32($0) }.first)
    kill(tracer, SIGKILL)
    while waitpid(tracer, nil, 0) < 0, errno == EINTR {}
    // Whoever adopts it may let it lie as a zombie for a while.
    func lives() -> Bool {
      guard let text = try? String(contentsOfFile: "/proc/\(target)/stat", encoding: .utf8) else { return false }
      return text.split(separator: ")").last?.dropFirst().first != "Z"
    }
    while lives() {
      try #require(Date() < deadline, "the target outlives its tracer")
      usleep(10_000)
    }
  }

  /// In a pid namespace fork returns other numbers than the tracer sees; the trace has the tracer's.
  @Test func namespacesAreSeenFromOutside() throws {
    let run = try Comparison("pid_reuse")
    try #require(run.native.output.contains("pid 300: exited 5"), "the pid cannot be chosen here")
    let trace = try #require(run.document).trace
    // The root, the namespace's first process, and 100 that had three numbers in turn; one thread more.
    #expect(trace.processes == 102)
    #expect(trace.threads == 103)
    #expect(!run.dump.split(separator: "\n").contains { $0.hasPrefix("300 ") })
    #expect(run.dump.contains("= 300 <"))
  }

  @Test func whatIsNotSeenIsSaid() throws {
    let ring = try #require(Comparison("io_ring").document).trace
    #expect(ring.blind_spots.contains { $0.hasPrefix("io_uring in pid") } || ring.processes == 0)
    let other = try #require(Comparison("other_numbers").document).trace
    #expect(other.blind_spots.contains { $0.contains("32-bit") })
  }

  /// The table that the trace's model has at the end against the one that the program read from /proc/self/fd.
  @Test func modelOfTheDescriptorTableIsTrue() throws {
    let program = try Program.executable("fd_table")
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let run = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", program])
    let told = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("after exec:") })
    let open = Set(told.split(separator: " ").compactMap { Int($0.prefix { $0.isNumber }) })
    #expect(open.count > 5)
    let lineage = try Command.run([Command.faultline, "lineage", trace]).output
    let rows = lineage.split(separator: "\n").compactMap { row in
      row.firstMatch(of: #/ (\d+) +(\d+)[rwu] /#).map { (pid: $0.output.1, fd: Int($0.output.2), row: row) }
    }
    // The first process that is named is the root: it made or was given everything.
    let root = try #require(rows.first).pid
    let modelled = Set(rows.filter { $0.pid == root && $0.row.contains(" s exit ") }.compactMap(\.fd))
    // Standard descriptors are files, which the report leaves out; what was inherited beyond them lies higher.
    let below = open.filter { (3..<200).contains($0) }
    #expect(modelled.filter { (3..<200).contains($0) } == below, "\(lineage)\n\(told)")
  }
}
