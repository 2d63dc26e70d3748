// What a program does natively it does under trace: same output, same end. docs/transparency.md says which program proves what.

import Foundation
import Support
import Testing

@Suite(.serialized) struct TransparencyTests {
  /// Programs that end alike, whoever runs them. They check and tell themselves all that they can know.
  static let programs = [
    "launch_state", "signal_values", "interrupted_calls", "stopped_calls", "unnoticed_signals", "unnoticed_writes",
    "vectors_cut_short", "unnoticed_timeouts", "storms", "job_states", "stopped_threads", "vfork_order",
    "exec_from_thread", "exec_identity", "clone_flags", "untraced_clone", "many_children", "killed_forker",
    "killed_states", "exit_group", "own_filter", "seccomp_state", "other_numbers", "bad_pointers", "traps",
    "faults", "timer_storm", "signal_waits", "ignored_signals", "reaping", "survivors", "io_ring", "thread_pairs",
    "pid_namespace", "pid_reuse", "fd_table",
  ]

  @Test(arguments: programs, Runner.all) func endsAlike(_ name: String, _ runner: Runner) throws {
    let run = try Comparison(name, as: runner)
    #expect(run.differences == [])
    #expect(run.document?.trace.complete == true)
  }

  /// What cannot be hidden is told to the program in the way that docs/transparency.md says, and in no other.
  @Test(arguments: [
    ("own_tracer", "child: exited 1\nPTRACE_SEIZE: -1 EPERM\n"),
    ("tracer_seen", "traced: yes\n"),
  ]) func showsWhatCannotBeHidden(_ name: String, _ expected: String) throws {
    let run = try Comparison(name)
    #expect(run.native.status == 0)
    #expect(run.traced.status == 0)
    #expect(run.native.output != run.traced.output)
    #expect(run.traced.output.hasPrefix(expected), "\(run.traced.output)")
  }

  @Test func manyProcessesAreAllInTheTrace() throws {
    #expect(try #require(Comparison("killed_forker").document).trace.processes > 60)
    // Four breeders with 60 children each and 40 more, and the root.
    #expect(try #require(Comparison("many_children").document).trace.processes == 4 * 101 + 1)
  }

  @Test func argumentsAreBytes() throws {
    let output = Command.temporary("")
    let trace = Command.temporary(".flt")
    defer { for path in [output, trace] { try? FileManager.default.removeItem(atPath: path) } }
    // The shell makes the bytes, since Swift's strings cannot hold them.
    let script =
      "exec '\(Command.faultline)' trace --quiet -o '\(trace)' -- /bin/echo \"$(printf 'a\\377\\376b')\" > '\(output)'"
    #expect(try Command.run(["/bin/sh", "-c", script]).status == 0)
    #expect(Array(try Data(contentsOf: URL(filePath: output))) == [0x61, 0xFF, 0xFE, 0x62, 0x0A])
    let dump = try Command.run([Command.faultline, "dump", trace])
    #expect(dump.output.contains(#""a\xff\xfeb""#))
  }

  @Test func anOldTraceSurvivesAMistypedCommand() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    try Data("precious".utf8).write(to: URL(filePath: trace))
    #expect(try Command.run([Command.faultline, "trace", "-o", trace, "--", "no-such-command"]).status == 127)
    #expect(try String(contentsOfFile: trace, encoding: .utf8) == "precious")
  }

  @Test func aTraceIsPrivate() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    try Data().write(to: URL(filePath: trace))
    #expect(chmod(trace, 0o644) == 0)
    #expect(try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", "/bin/true"]).status == 0)
    let mode = try FileManager.default.attributesOfItem(atPath: trace)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }
}
