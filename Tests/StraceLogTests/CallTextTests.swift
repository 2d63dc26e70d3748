// Calls taken apart: arguments, results, and what is left open.

import Testing
import Trace

@testable import StraceLog

@Suite struct CallTextTests {
  struct Case: Sendable, CustomTestStringConvertible {
    /// What follows the name's parenthesis.
    var text: String
    var arguments: [String]
    var ending = CallText.Ending.whole
    var result: Int64 = 0
    var returned: String?
    var annotation: String?
    var nanoseconds: UInt64?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Case(text: ") = 12", arguments: [], result: 12),
    Case(text: "3) = 0", arguments: ["3"]),
    Case(text: "3)                                = 0 <0.000007>", arguments: ["3"], nanoseconds: 7_000),
    Case(text: "3</tmp/a,b)=c>, \"x)=\\\"\", 4) = 4", arguments: ["3</tmp/a,b)=c>", "\"x)=\\\"\"", "4"], result: 4),
    Case(
      text: "[{fd=3, events=POLLIN}], 1, 0) = 0 (Timeout)", arguments: ["[{fd=3, events=POLLIN}]", "1", "0"],
      returned: "Timeout"),
    Case(
      text: "[{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])",
      arguments: ["[{fd=3, events=POLLIN}]", "1", "-1"], result: 1, returned: "[{fd=3, revents=POLLIN}]"),
    Case(
      text: "4, [3], NULL, NULL, {1, 0}) = 1 (in [3], left {0, 9})", arguments: ["4", "[3]", "NULL", "NULL", "{1, 0}"],
      result: 1, returned: "in [3], left {0, 9}"),
    Case(
      text: "3, 0x7ffe, 4) = -1 EAGAIN (Resource temporarily unavailable) <0.000010>",
      arguments: ["3", "0x7ffe", "4"], result: -11, nanoseconds: 10_000),
    Case(
      text: "3, 0x7ffe, 4) = -1 EAGAIN (Die Ressource ist nicht verfügbar)", arguments: ["3", "0x7ffe", "4"],
      result: -11),
    Case(
      text: "-1, 0x7ffe, 0, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
      arguments: ["-1", "0x7ffe", "0", "NULL"], result: -512),
    Case(text: "0) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)", arguments: ["0"], result: -516),
    Case(text: "3) = -1 (errno 512)", arguments: ["3"], result: -512),
    Case(
      text: "AT_FDCWD</home>, \"a\"..., O_RDONLY) = 5</home/a>",
      arguments: ["AT_FDCWD</home>", "\"a\"...", "O_RDONLY"],
      result: 5, annotation: "/home/a"),
    Case(text: "3<TCP:[1.2.3.4:5->6.7.8.9:10]>, 1) = 0", arguments: ["3<TCP:[1.2.3.4:5->6.7.8.9:10]>", "1"]),
    Case(
      text: "\"/bin/a\", [\"a\", \"b\"], 0x7ffe /* 3 vars */) = 0",
      arguments: [
        "\"/bin/a\"", "[\"a\", \"b\"]",
        "0x7ffe /* 3 vars */",
      ]),
    Case(text: "NULL, 8) = 0x7f00", arguments: ["NULL", "8"], result: 0x7f00),
    Case(text: "4,  <unfinished ...>", arguments: ["4", ""], ending: .unfinished),
    Case(
      text: "0x10, FUTEX_WAIT, 2, NULL <unfinished ...>", arguments: ["0x10", "FUTEX_WAIT", "2", "NULL"],
      ending: .unfinished),
    Case(text: "3, \"<unfinished ...>\", 16) = 16", arguments: ["3", "\"<unfinished ...>\"", "16"], result: 16),
    Case(
      text: "0x10, FUTEX_WAIT, 2, NULL <detached ...>", arguments: ["0x10", "FUTEX_WAIT", "2", "NULL"],
      ending: .unfinished),
    Case(text: "3, \"abc", arguments: ["3", "\"abc"], ending: .broken),
    Case(text: "3, \"abc\"", arguments: ["3", "\"abc\""], ending: .broken),
    Case(text: "", arguments: [], ending: .broken),
  ]) func isTakenApart(_ one: Case) {
    scanning(one.text) { text in
      var call = CallText()
      call.read(text)
      #expect(call.arguments.map { text.string($0) } == one.arguments)
      #expect(call.ending == one.ending)
      #expect(call.result == one.result)
      #expect(call.returned.map { text.string($0) } == one.returned)
      #expect(call.annotation.map { text.string($0) } == one.annotation)
      #expect(call.duration == one.nanoseconds)
    }
  }

  /// What strace leaves of a thread that hangs, beside what is left of a line that was cut.
  @Test(arguments: [
    ("read(10, ", true), ("read(10,", true), ("read(10", false), ("read(10, \"ab", false),
    ("recvfrom(3, 0x7f, 90", false),
    ("recvmsg(40, {msg_nam", false), ("epoll_wait(4, ", true), ("epoll_wait(4, [{EPOLLIN, {u3", false),
    ("wait4(-1, ", true), ("wait4(-1, 0x7ffe, 0", false), ("waitid(P_PID, 12, ", true), ("accept(3, ", true),
    ("poll([{fd=3, events=POLLIN}], 1, -1", true), ("poll([{fd=3, events=PO", false),
    ("select(4, [3], NULL, NULL, NULL", true), ("select(4, [3], NULL", false),
    ("futex(0x10, FUTEX_WAIT_PRIVATE, 2, NULL", true), ("futex(0x10, FUTEX_WA", false),
    ("nanosleep({tv_sec=1, tv_nsec=0}, ", true), ("clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1, tv_nsec=0}, ", true),
    ("nanosleep({tv_sec=1", false), ("write(1, \"abc\", 3", true), ("write(1, \"abc\", 3abc", false),
    ("flock(3, LOCK_EX", true), ("fcntl(3, F_GETFL)", false), ("close(5)", false),
  ]) func hangIsToldFromCut(_ line: String, hangs: Bool) {
    scanning(line) { text in
      var text = text
      let name = text.word()
      let named = CallNames.call(text, name)!
      text.at += 1
      var arguments = Arguments(text.bytes)
      arguments.read(text)
      #expect(arguments.mayBePending(named.shape!, named.syscall) == hangs)
    }
  }
}
