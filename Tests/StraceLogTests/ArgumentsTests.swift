// Numbers, flags, literals, times, sets and addresses, as straces of all years write them.

import Testing
import Trace

@testable import StraceLog

@Suite struct ArgumentsTests {
  private func reading<Result>(_ text: String, _ body: (inout Arguments) -> Result) -> Result {
    scanning(text) { scanner in
      var arguments = Arguments(scanner.bytes)
      arguments.read(scanner)
      return body(&arguments)
    }
  }

  @Test(arguments: [
    ("0", 0), ("-1", -1), ("0644", 0o644), ("0x10", 16), ("4294967295", 4_294_967_295),
    ("18446744073709551615", -1), ("99999999999999999999999", 0), ("", 0), ("0x", 0), ("NULL", 0),
  ]) func numbers(_ text: String, value: Int64) { #expect(reading(text + ") = 0") { $0.number(0) } == value) }

  @Test(arguments: [
    ("O_RDWR|O_NONBLOCK", 0o4002), ("O_RDWR|0x800", 0x802), ("EPOLLIN|EPOLLHUP", 0x11), ("0", 0),
    ("POLLIN|POLLSOMETHING|POLLHUP", 0x11), ("0x800 /* O_NONBLOCK */|O_RDWR", 0x802),
  ]) func flags(_ text: String, value: UInt64) { #expect(reading(text + ") = 0") { $0.flags(0) } == value) }

  @Test(arguments: [
    (#""abc""#, "abc"), (#""a\n\t\"\\""#, "a\n\t\"\\"), (#""\1\0\0""#, "\u{1}\0\0"), (#""\x41\x42""#, "AB"),
    (#""\101b""#, "Ab"), (#""abc"..."#, "abc"), (#"@"abc""#, "abc"), (#""abc"#, "abc"), (#""a\"#, "a\0"), ("NULL", ""),
  ]) func literals(_ text: String, value: String) {
    let bytes = scanning(text) { scanner in
      var scanner = scanner
      var bytes: [UInt8] = []
      Arguments(scanner.bytes).unescape(&scanner, limit: 100, into: &bytes)
      return bytes
    }
    #expect(bytes == Array(value.utf8))
  }

  @Test(arguments: [
    ("{tv_sec=1, tv_nsec=5}", 1_000_000_005), ("{1, 5}", 1_000_000_005), ("{tv_sec=0, tv_usec=5}", 5_000),
    ("{9223372036854775807, 0}", nil), ("NULL", nil), ("0x7ffe", nil), ("{1", nil),
  ]) func times(_ text: String, value: Int64?) {
    let time = scanning(text) { Arguments($0.bytes).time($0) }
    // A time beyond what fits is any, but no trap.
    if value != nil || !text.hasPrefix("{9") { #expect(time == value) }
  }

  /// By the signals' numbers.
  @Test(arguments: [
    ("[INT TERM]", [2, 15]), ("[SIGINT]", [2]), ("[]", []), ("[RTMIN RT_1]", [32, 33]), ("[CHLD USR1 0x7f]", [10, 17]),
  ]) func signalSets(_ text: String, signals: [UInt64]) {
    let set = signals.reduce(0 as UInt64) { $0 | 1 << ($1 - 1) }
    #expect(reading(text + ") = 0") { $0.signalSet(0) } == set)
    #expect(reading("~" + text + ") = 0") { $0.signalSet(0) } == ~set)
  }

  @Test(arguments: [
    (#"{sa_family=AF_UNIX, sun_path="/run/x"}"#, "unix:/run/x"),
    (#"{sa_family=AF_FILE, path="/run/x"}"#, "unix:/run/x"),
    (#"{sa_family=AF_UNIX, sun_path=@"/tmp/y"}"#, "unix:@/tmp/y"),
    (#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}"#, "10.0.0.1:80"),
    (#"{sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "::1", &sin6_addr)}"#, "[::1]:80"),
    ("{sa_family=AF_NETLINK, nl_pid=0}", "family AF_NETLINK"), ("0x7ffe", ""),
  ]) func addresses(_ text: String, value: String) {
    #expect(reading("3, " + text + ", 16) = 0") { $0.address(1) } == Array(value.utf8))
  }
}
