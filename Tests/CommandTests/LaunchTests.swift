// What the target is given at its start: all that the caller of faultline would have given it, and nothing of the tracer's.

import Foundation
import Support
import Testing

@Suite(.serialized) struct LaunchTests {
  /// Ways to be started, as a shell says them; "$@" is the command.
  static let surroundings = [
    #"umask 027; ulimit -n 64; trap "" USR1 USR2 HUP PIPE TSTP; cd /; exec "$@" 5</dev/null 60</dev/null"#,
    #"exec "$@" <&-"#,
    #"exec "$@" >&-"#,
    #"exec "$@" 2>&-"#,
    #"exec "$@" <&- >&- 2>&-"#,
    #"ulimit -s 1024; exec nice -n 5 "$@" 809</dev/null 810</dev/null 811</dev/null"#,
    #"trap "" CHLD; exec "$@""#,
  ]

  @Test(arguments: surroundings, Runner.all) func targetIsStartedAsWithoutUs(_ script: String, _ runner: Runner) throws
  {
    let program = try Program.executable("launch_state")
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let shell = runner.prefix + ["/bin/bash", "-c", script, "bash"]
    let native = try Command.run(shell + [program])
    let traced = try Command.run(shell + [Command.faultline, "trace", "--quiet", "-o", trace, "--", program])
    #expect(traced.status == native.status)
    #expect(traced.output == native.output)
    #expect(traced.error == native.error)
    #expect(try Command.run([Command.faultline, "analyze", trace]).status == 0)
  }

  /// Root's filter needs no NO_NEW_PRIVS, so a set-user-ID program gets its user; an ordinary user's tracee does not, by
  /// the kernel's decision (Linux 6.1, security/commoncap.c, LSM_UNSAFE_PTRACE).
  @Test(.enabled(if: getuid() == 0)) func setUserIDWorksForRoot() throws {
    let program = try Program.executable("set_user")
    let copy = Command.temporary("-set-user")
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.copyItem(atPath: program, toPath: copy)
    #expect(chown(copy, 65534, 65534) == 0 && chmod(copy, 0o4755) == 0)
    let run = try Comparison("set_user", [copy])
    #expect(run.native.output.contains("effective 65534, secure 1"))
    #expect(run.differences == [])
  }

  @Test(.enabled(if: Runner.all.contains(.ordinary))) func setUserIDIsRefusedToOthers() throws {
    let program = try Program.executable("set_user")
    let copy = Command.temporary("-set-user")
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.copyItem(atPath: program, toPath: copy)
    #expect(chmod(copy, 0o4755) == 0)
    let run = try Comparison("set_user", [copy], as: .ordinary)
    #expect(run.native.output.contains("effective 0, secure 1"))
    #expect(run.traced.output.contains("effective 65534, secure 0"))
    #expect(run.traced.status == 0)
  }
}
