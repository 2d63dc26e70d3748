// What stands before a call: thread and time, in the ways that strace has of it.

import Testing

@testable import StraceLog

@Suite struct LineHeadTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var line: String
    var tid: Int32?
    var style = TimeStyle.none
    var nanoseconds: UInt64 = 0
    var testDescription: String { line }
  }

  private static let epoch: UInt64 = 1_700_000_000_000_000_000

  @Test(arguments: [
    Case(line: "close(3) = 0"),
    Case(line: "[pid  1234] close(3) = 0", tid: 1234),
    Case(line: "[pid 1234<worker>] close(3) = 0", tid: 1234),
    Case(line: "1234  close(3) = 0", tid: 1234),
    Case(line: "1234<worker> close(3) = 0", tid: 1234),
    Case(line: "10:20:30 close(3) = 0", style: .ofDay, nanoseconds: 37_230_000_000_000),
    Case(line: "10:20:30.000123 close(3) = 0", style: .ofDay, nanoseconds: 37_230_000_123_000),
    Case(line: "1700000000.000007 close(3) = 0", style: .epoch, nanoseconds: epoch + 7_000),
    Case(line: "1700000000.000000007 close(3) = 0", style: .epoch, nanoseconds: epoch + 7),
    Case(line: "1700000000 close(3) = 0", style: .epoch, nanoseconds: epoch),
    Case(line: "     0.000021 close(3) = 0", style: .relative, nanoseconds: 21_000),
    Case(line: "[pid 7] 10:20:30.5 close(3) = 0", tid: 7, style: .ofDay, nanoseconds: 37_230_500_000_000),
    Case(line: "7 1700000000.000007 close(3) = 0", tid: 7, style: .epoch, nanoseconds: epoch + 7_000),
    Case(line: "7     0.000021 close(3) = 0", tid: 7, style: .relative, nanoseconds: 21_000),
    Case(line: "[00007f5e3b2c1a10] close(3) = 0"),
    Case(line: "[pid 7] [   3] [00007f5e3b2c1a10] close(3) = 0", tid: 7),
    Case(line: "[????????????????] close(3) = 0"),
    Case(line: "    close(3) = 0"),
  ]) func isRead(_ one: Case) {
    scanning(one.line) { line in
      let head = LineHead.read(line)
      #expect(head.tid == one.tid)
      #expect(head.style == one.style)
      #expect(head.time == one.nanoseconds)
      #expect(line.string(head.body..<line.end) == "close(3) = 0")
    }
  }

  @Test(arguments: [
    ("Process 12 attached", 12, 1), ("strace: Process 12 attached", 12, 1),
    ("./src/strace: Process 12 attached with 5 threads", 12, 5),
    ("Process 12 attached with 5 threads - interrupt to quit", 12, 5),
    ("Process 12 attached - interrupt to quit", 12, 1),
  ]) func attachmentIsRead(_ line: String, tid: Int32, threads: Int) {
    let found = scanning(line) { Survey.attachment($0) }
    #expect(found?.tid == tid)
    #expect(found?.threads == threads)
  }

  @Test(arguments: [
    "Process 12 detached", "strace: Process x attached", "in strace: Process 12 attached", "Process 12",
  ])
  func isNoAttachment(_ line: String) { #expect(scanning(line) { Survey.attachment($0) } == nil) }
}
