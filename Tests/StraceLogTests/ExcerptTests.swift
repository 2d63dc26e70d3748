// Excerpts of logs, as people paste them into reports: what they show is found, with the confidence that a few lines can give, and
// nothing is said that they do not show.

import Testing
import Trace

@testable import StraceLog

@Suite struct ExcerptTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var log: String
    var findings: [String] = []
    /// Parts of what is said of threads.
    var standings: [String] = []
    var unread: [UnreadKind: Int] = [:]
    var testDescription: String { name }
  }

  static let spins: [Case] = [
    Case(
      name: "hang-up, strace 4.x",
      log: "Process 90 attached - interrupt to quit\n"
        + times(12, "epoll_wait(7, {{EPOLLIN|EPOLLHUP, {u32=12, u64=12}}}, 64, 1000) = 1"),
      findings: ["busy-poll warning possible 12"], standings: ["90/90 spins on fd 12"], unread: [.strace: 1]),
    Case(
      name: "libev's generation above the descriptor's number",
      log: times(12, "epoll_wait(7, [{EPOLLHUP, {u32=16, u64=22205092589469712}}], 64, 1000) = 1"),
      findings: ["busy-poll warning possible 16"]),
    Case(
      name: "a pointer as epoll's data",
      log: times(
        12, "[pid 5] epoll_wait(4, [{events=EPOLLOUT, data={u32=1097811424, u64=94103831266784}}], 36, 0) = 1",
        "[pid 5] recvmsg(24, 0x7ffcced0aa80, MSG_DONTWAIT) = -1 EAGAIN (Resource temporarily unavailable)"),
      findings: ["busy-poll warning possible 4"]),
    Case(
      name: "looks without a timeout beside it",
      log: times(
        12, "poll([{fd=57, events=POLLIN}], 1, 0) = 0 (Timeout)",
        "epoll_wait(46, {{EPOLLIN|EPOLLHUP, {u32=55, u64=55}}}, 1023, 1000) = 1"),
      findings: ["busy-poll warning possible 55"]),
    Case(
      name: "end of file taken for no answer, with output between",
      log: times(12, "read(0, \"\", 8192)                       = 0", "write(1, \"more? \"..., 6more? ) = 6"),
      findings: ["busy-poll warning possible 0"]),
    Case(
      name: "EMFILE, i386",
      log: times(
        6, "select(1, [0], NULL, NULL, {1, 0})      = 1 (in [0], left {0, 999994})",
        "accept(0, 0xbfc52a66, [110])            = -1 EMFILE (Too many open files)",
        "recv(-1, 0xbfc50a66, 8192, 0)           = -1 EBADF (Bad file descriptor)"),
      findings: ["retry-spin warning possible 0"]),
    Case(
      name: "EMFILE with a spare descriptor that does not help",
      log: times(
        6, "[pid 4] 21:32:44 accept4(10, 0, NULL, SOCK_CLOEXEC) = -1 EMFILE (Too many open files) <0.000008>",
        "[pid 4] 21:32:44 close(7)           = 0 <0.000007>",
        "[pid 4] 21:32:44 accept4(10, 0, NULL, SOCK_CLOEXEC) = -1 EAGAIN (Resource temporarily unavailable) <0.000009>",
        "[pid 4] 21:32:44 open(\"/\", O_RDONLY|O_CLOEXEC) = 7 <0.000007>"),
      findings: ["retry-spin warning possible 10"]),
    Case(
      name: "EAGAIN",
      log: times(
        20, "[pid 8] recvfrom(313, 0x7f55ee41, 903, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)"),
      findings: ["retry-spin note possible 313"]),
    Case(
      name: "EAGAIN on one descriptor after the other",
      log: times(
        5, "accept(3, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)",
        "recvfrom(5, 0x7f00, 100, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)",
        "recvfrom(6, 0x7f00, 100, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)"),
      findings: ["retry-spin note possible -"]),
    Case(
      name: "end of file, asked for without a timeout, each call as long as strace takes",
      log: (0..<24).map {
        "08:33:33.\(532_701 + $0 * 300) "
          + ($0 % 2 == 0
            ? "read(5, \"\", 8192) = 0\n"
            : "select(6, [5], NULL, NULL, {tv_sec=0, tv_usec=0}) = 1 (in [5], left {tv_sec=0, tv_usec=0})\n")
      }.joined(),
      findings: ["busy-poll warning possible 5"]),
    Case(
      name: "a timeout of nothing",
      log: times(20, "poll([{fd=4, events=POLLIN}, {fd=5, events=POLLIN}], 2, 0) = 0 (Timeout)"),
      findings: ["zero-timeout-spin note possible 4"]),
  ]

  static let harmless: [Case] = [
    Case(
      name: "what is read is no spin",
      log: times(
        20, "poll([{fd=5, events=POLLIN}], 1, 16084) = 1 ([{fd=5, revents=POLLIN}])",
        "recvmsg(5, {msg_name(0)=NULL, msg_iov(1)=[{\"abcd\", 4096}], msg_controllen=0, msg_flags=0}, 0) = 4",
        "recvmsg(5, 0x7d8ef37318b0, 0)           = -1 EAGAIN (Resource temporarily unavailable)")),
    Case(
      name: "data that is no number, and reads",
      log: times(
        20, "epoll_wait(4, [{EPOLLIN, {u32=1097811424, u64=94103831266784}}], 36, -1) = 1", "read(9, \"abc\", 16) = 3")),
    Case(
      name: "a loop that wakes by its timer",
      log: times(
        20, "poll([{fd=5, events=POLLIN}], 1, 100) = 0 (Timeout)",
        "recvmsg(8, 0x7fff703802f0, 0) = -1 EAGAIN (Resource temporarily unavailable)")),
    Case(
      name: "too short", log: times(5, "epoll_wait(7, [{EPOLLIN, {u32=12, u64=12}}], 64, 1000) = 1")),
    Case(
      name: "a spin among work",
      log: times(
        20, "epoll_wait(7, [{EPOLLIN, {u32=12, u64=12}}], 64, 1000) = 1", "epoll_wait(7, [], 64, 1000) = 0",
        "epoll_wait(7, [], 64, 900) = 0")),
  ]

  static let hangs: [Case] = [
    Case(
      name: "read", log: "Process 8401 attached - interrupt to quit\nread(10,\n",
      standings: ["8401/8401 waits in read() on fd 10 (kind unknown)"], unread: [.strace: 1]),
    Case(
      name: "a pid in the prompt only",
      log: "# strace -s 99 -p 41\nfutex(0x6264ac, FUTEX_WAIT_PRIVATE, 3, NULL) = 0\n"
        + "futex(0x6264ac, FUTEX_WAIT_PRIVATE, 4, NULL^C <detached ...>\n",
      standings: ["41/41 waits in futex() at 0x6264ac", "another thread must wake it"], unread: [.prose: 1]),
    Case(
      name: "Ctrl-C on a terminal",
      log: "strace: Process 55 attached\nread(0, ^Cstrace: Process 55 detached\n <detached ...>\n",
      standings: ["55/55 waits in read() on fd 0 (kind unknown)"], unread: [.strace: 1]),
    Case(
      name: "what was resumed and never returned",
      log: "strace: Process 22 attached\nrestart_syscall(<... resuming interrupted restart_syscall ...>)\n",
      standings: ["22/22 waits in restart_syscall()"], unread: [.strace: 1]),
    Case(
      name: "stopped by a signal", log: "strace: Process 22 attached\n--- stopped by SIGSTOP ---\n",
      standings: ["22/22 is between two calls"], unread: [.strace: 1]),
    Case(
      name: "whose bytes nobody takes", log: "[pid 7] getpid() = 7\n[pid 7] write(32, \"abc\", 3 <unfinished ...>\n",
      standings: ["7/7 waits in write() on fd 32 (kind unknown) since line 2"]),
    Case(
      name: "a child that is not in the log may have the other end",
      log: "getpid() = 7\npipe2([3, 4], 0) = 0\nclone(child_stack=NULL, flags=SIGCHLD) = 8\nclose(4) = 0\nread(3, \n",
      standings: ["nobody that the log shows has its other end"]),
    Case(
      name: "looks only", log: times(4, "epoll_wait(3, [], 8, 0) = 0", "write(1, \"a\", 1) = 1"),
      standings: ["mostly looks in epoll_wait() without waiting"]),
    Case(
      name: "detached by ^C",
      log: "strace: Process 7 attached\n"
        + "futex(0x10, FUTEX_WAIT_PRIVATE, 2, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n",
      standings: ["7/7 waits in futex() at 0x10"], unread: [.strace: 1]),
    Case(
      name: "a call from before the attachment",
      log: "strace: Process 7 attached\ngetpid() = 7\nrestart_syscall(<... resuming interrupted poll ...>",
      standings: ["7/7 waits in restart_syscall()"], unread: [.strace: 1]),
    Case(
      name: "what an epoll instance watches is not told",
      log: "[pid 7] getpid() = 7\n[pid 7] epoll_wait(5, <unfinished ...>\n",
      standings: ["7/7 waits in epoll_wait() since line 2; for what the log does not tell"]),
    Case(
      name: "a call that moves no descriptor", log: "[pid 7] getpid() = 7\n[pid 7] fsync(5 <unfinished ...>\n",
      standings: ["7/7 waits in fsync() since line 2"]),
    Case(
      name: "a line that was cut",
      log: times(3, "read(3, \"a\", 1) = 1") + "recvfrom(83, 0x7f65, 65536, 0, 0x7f655585ca",
      standings: ["0/0 is between two calls where the log ends"], unread: [.cut: 1]),
  ]

  @Test(arguments: spins + harmless + hangs) func isJudged(_ one: Case) throws {
    let log = try ReadLog(one.log)
    #expect(log.findings == one.findings)
    let said = log.standings.joined(separator: "\n")
    for part in one.standings { #expect(said.contains(part), "\(said)") }
    #expect(log.unread == one.unread)
  }

  /// From the program's start on nothing is an excerpt: what 512 returns are there for holds.
  @Test(arguments: spins) func aWholeLogIsHeldToMore(_ one: Case) throws {
    let start = "execve(\"/bin/a\", [\"a\"], 0x7ffe /* 3 vars */) = 0\n"
    let named = one.log.contains("[pid") ? "[pid 4] " + start : start
    #expect(
      try ReadLog(named + one.log.replacing("[pid 5]", with: "[pid 4]").replacing("[pid 8]", with: "[pid 4]")).findings
        == [])
  }

  @Test func processesAreToldFromThreads() throws {
    let log = try ReadLog(
      """
      [pid 10] waitid(P_PID, 11,  <unfinished ...>
      [pid 12] exit_group(0) = ?
      [pid 12] +++ exited with 0 +++
      [pid 11] <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 12
      [pid 11] --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=12, si_uid=0, si_status=0} ---
      [pid 13] read(3,  <unfinished ...>
      """)
    #expect(log.analysis.processes == 2)
    #expect(log.standings.contains { $0.hasPrefix("10/13 ") })
  }

  @Test func aLogBehindAnotherIsOfItsOwnProcess() throws {
    let log = try ReadLog(
      """
      strace: Process 10 attached
      read(3, "a", 1) = 1
      strace: Process 20 detached
      strace: Process 20 attached
      read(3, "a", 1) = 1
      """)
    #expect(log.calls == ["10 read = 1", "20 read = 1"])
  }

  /// A mail wraps a long line more than once.
  @Test func aCallInThreePiecesIsRead() throws {
    let log = try ReadLog(
      """
      recvmsg(7, {msg_name(0)=NULL, msg_iov(1)=[{"ab", 6}],
            msg_controllen=16, {cmsg_len=16, cmsg_level=SOL_SOCKET,
            cmsg_type=SCM_RIGHTS, {8}}, msg_flags=0}, 0) = 2
      close(3) = 0
      recvmsg(7, {msg_name(0)=NULL,
      and that was it
      close(3) = 0
      """)
    #expect(log.calls == ["0 recvmsg = 2", "0 close = 0", "0 close = 0"])
    #expect(log.unread == [.cut: 1, .prose: 1])
  }

  /// A call that only asks is no event, and neither is its end.
  @Test func theEndOfWhatIsNoEventIsNotAlone() throws {
    let log = try ReadLog(
      """
      [pid 7] rt_sigaction(SIGINT, NULL,  <unfinished ...>
      [pid 8] close(3) = 0
      [pid 7] <... rt_sigaction resumed>{sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0
      """)
    #expect(log.calls == ["8 close = 0"])
    #expect(log.unread == [:])
  }

  @Test func anEndOfFileThatNobodyHeedsIsToldOf() throws {
    let log = try ReadLog(
      times(
        12, "select(8, [5 6 7], NULL, NULL, {0, 900}) = 1 (in [6], left {0, 850})", "read(6, \"\", 512) = 0"))
    #expect(log.findings == ["busy-poll warning possible 6"])
    #expect(log.analysis.findings[0].message.contains("it is at its end, as reads of it that return 0 say"))
    #expect(log.analysis.findings[0].fix.contains("a read of 0"))
  }

  @Test func aStoppedProcessIsToldOf() throws {
    let log = try ReadLog("strace: Process 22 attached\n--- stopped by SIGSTOP ---\n")
    #expect(log.isRecognised)
    #expect(log.analysis.blindSpots.contains { $0.contains("pid 22 is stopped by SIGSTOP") })
    let on = try ReadLog("strace: Process 22 attached\n--- stopped by SIGSTOP ---\nclose(3) = 0\n")
    #expect(!on.analysis.blindSpots.contains { $0.contains("is stopped") })
  }

  /// What software for web pages makes of hyphens, dots, quotes and numbers.
  @Test func typographyIsUndone() throws {
    let log = try ReadLog(
      """
      [pid 7] read(3, \u{201C}ab\u{201D}\u{2026}, 9) = 2
      [pid 7] read(3, 0\u{D7}7ffe, 9) = \u{2013}1 EAGAIN (Resource temporarily unavailable)
      [pid 7] read(4, 0&#215;7ffe, 9) = \u{2212}1 EAGAIN (Resource temporarily unavailable)
      [pid 7] read(5,  &#60;unfinished &#8230;&#62;
      [pid 7] \u{2014} SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=9, si_uid=0} \u{2014}
      [pid 7] &#8212; SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=9, si_uid=0} &#8212;
      """)
    #expect(log.calls == ["7 read = 2", "7 read = -11", "7 read = -11", "7 read ..."])
    #expect(log.unread == [:])
  }

  /// Without -T a sleep that was asked for 0.4 ms is taken to last as long as it did, on a machine that is busy.
  @Test func aLoopThatSleepsBetweenIsNoSpin() throws {
    var lines = ["1700000000.000000 execve(\"/bin/a\", [\"a\"], 0x7ffe /* 3 vars */) = 0"]
    lines += ["1700000000.000100 pipe2([3, 4], O_CLOEXEC) = 0", "1700000000.000200 close(4) = 0"]
    for turn in 0..<600 {
      let time = 100_000 + turn * 1_200
      lines.append("1700000000.\(time) poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLHUP}])")
      lines.append("1700000000.\(time + 400) nanosleep({tv_sec=0, tv_nsec=400000}, NULL) = 0")
    }
    #expect(try ReadLog(lines.joined(separator: "\n")).findings == [])
  }
}
