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
}
