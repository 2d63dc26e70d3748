// Logs that something has carried: what that put before each line is known by what the lines have in common.

import Testing

@testable import StraceLog

@Suite struct LineFrameTests {
  private static let spin = "epoll_wait(7, [{events=EPOLLIN|EPOLLHUP, data={u32=12, u64=12}}], 64, 1000) = 1"

  struct Frame: Sendable, CustomTestStringConvertible {
    var name: String
    var before: @Sendable (Int) -> String
    var testDescription: String { name }
  }

  static let frames: [Frame] = [
    Frame(name: "syslog") { "Nov  \(1 + $0 / 10) 10:00:\(10 + $0) host strace[123]: " },
    Frame(name: "journal") { "2024-03-01T10:20:\(10 + $0)+0100 host strace[123]: " },
    Frame(name: "RFC 5424") { "<13>1 2024-03-01T10:20:\(10 + $0).003Z host app 123 - - " },
    Frame(name: "docker compose") { _ in "web_1  | " },
    Frame(name: "kubectl logs --timestamps") { "2024-03-01T10:20:\(10 + $0).123456789Z " },
    Frame(name: "a container's log file") { "2024-03-01T10:20:\(10 + $0).123456789Z stderr F " },
    Frame(name: "a pod's name") { _ in "web-7c9f6d5b4-abcde app " },
    Frame(name: "grep -n") { "\($0 + 1):" },
    Frame(name: "grep -n with the file's name") { "app.log:\($0 + 1):" },
    Frame(name: "a day and a time") { "Mar 01 10:20:\(10 + $0) " },
    Frame(name: "a time in brackets") { "[2024-03-01 10:20:\(10 + $0),123] " },
    Frame(name: "a comment") { _ in "# " },
    Frame(name: "a patch") { _ in "+" },
    Frame(name: "twice quoted") { _ in ">> " },
    Frame(name: "cat -n") { "     \($0 + 1)\t" },
    Frame(name: "an editor's numbers from the middle") { "\($0 + 95) " },
    Frame(name: "a list") { _ in "  * " },
  ]

  @Test(arguments: frames) func isSkipped(_ frame: Frame) throws {
    let log = try ReadLog((0..<12).map { frame.before($0) + Self.spin + "\n" }.joined())
    #expect(log.isRecognised)
    #expect(log.findings == ["busy-poll warning possible 12"])
    #expect(log.unread == [:])
  }

  @Test(arguments: frames) func leavesWhatIsStraces(_ frame: Frame) throws {
    let lines = [
      "strace: Process 70 attached", "[pid 71] 10:20:30.000001 read(3,  <unfinished ...>",
      "[pid 70] 10:20:30.000002 close(4) = 0 <0.000003>", "[pid 71] 10:20:30.000900 <... read resumed>\"a\", 1) = 1",
      "[pid 71] 10:20:31.000001 +++ exited with 0 +++",
    ]
    let log = try ReadLog(lines.enumerated().map { frame.before($0) + $1 + "\n" }.joined())
    #expect(log.isRecognised)
    #expect(log.calls == ["71 read ...", "70 close = 0", "71 read = 1"])
    #expect(log.unread == [.strace: 1])
  }

  /// A column of threads is no numbering, and what a program writes before some of the lines is no frame.
  @Test func isNoneWhereLinesDiffer() throws {
    let threads = try ReadLog((1..<9).map { "\($0 == 5 ? 7 : $0) close(\($0)) = 0\n" }.joined())
    #expect(threads.calls.first == "1 close = 0" && threads.calls.contains("7 close = 0"))
    let output = try ReadLog(times(4, "close(3) = 0", "close(3) = 0", "done: close(4) = 0"))
    #expect(output.calls.count == 12)
    #expect(output.unread == [.prose: 4])
  }

  @Test func grepNamesThreads() throws {
    let log = try ReadLog("app.log.71:read(3, \"a\", 1) = 1\napp.log.72:close(3) = 0\napp.log.71:close(4) = 0\n")
    #expect(log.calls == ["71 read = 1", "72 close = 0", "71 close = 0"])
  }

  @Test func tailNamesThreads() throws {
    let log = try ReadLog(
      """
      ==> app.log.71 <==
      wait4(72,\u{20}

      ==> app.log.72 <==
      read(3,\u{20}
      """)
    #expect(log.isRecognised)
    #expect(log.calls == ["71 wait4 ...", "72 read ..."])
    #expect(log.standings.contains { $0.hasPrefix("72/72 waits in read() on fd 3") || $0.hasPrefix("71/72 waits") })
    #expect(log.unread == [:])
  }

  /// In a mail the names stand alone, and other lines come behind.
  @Test func namesThatStandAloneNameThreads() throws {
    let log = try ReadLog(
      """
      Process 70 attached with 3 threads
      /tmp/app.out.70
      10:16:35.945611 futex(0x12a1110, FUTEX_WAIT, 0, NULL

      /tmp/app.out.71
      10:16:35.944886 read(40,

      Of the third one:
      10:16:35.945544 close(3) = 0
      """)
    #expect(log.calls == ["70 futex ...", "71 read ...", "70 close = 0"])
  }

  /// Other tracers name the arguments.
  @Test func otherTracersAreNoStrace() throws {
    #expect(throws: (any Error).self) {
      try ReadLog(times(4, "  0.000 ( 0.010 ms): bash/12 read(fd: 3, buf: 0x7ffe, count: 1) = 1"))
    }
  }

  @Test(arguments: [(true, true), (true, false), (false, true)]) func twoBytesForEachCharacter(
    isLittle: Bool, hasMark: Bool
  ) throws {
    let text =
      (hasMark ? "\u{FEFF}" : "") + String(repeating: Self.spin + "\r\n", count: 12)
      + "write(1, \"\u{E4}\u{20AC}\", 5) = 5"
    let bytes = text.utf16.flatMap { unit in
      let pair = [UInt8(unit & 0xFF), UInt8(unit >> 8)]
      return isLittle ? pair : pair.reversed()
    }
    let log = try ReadLog(bytes: bytes)
    #expect(log.isRecognised)
    #expect(log.calls.count == 13 && log.calls.last == "0 write = 5")
    #expect(log.unread == [:])
  }
}
