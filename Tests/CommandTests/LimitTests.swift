// A trace that cannot grow: the program goes on as if nothing had happened, what was written stays readable, and one line says why.

import Foundation
import Support
import Testing

@Suite(.serialized) struct LimitTests {
  private let program: String
  private let native: CommandResult

  init() throws {
    program = try Program.executable("many_pipes")
    native = try Command.run([program])
  }

  /// Traces the program by a shell line whose "$@" is the whole command.
  private func trace(
    to path: String, _ options: [String] = [], shell: String = "exec \"$@\"", as runner: Runner = .own
  ) throws -> CommandResult {
    try Command.run(
      runner.prefix + ["/bin/sh", "-c", shell, "sh", Command.faultline, "trace", "-o", path] + options + [
        "--", program,
      ])
  }

  /// The program noticed nothing, and one line begins that way.
  private func expectUndisturbed(_ traced: CommandResult, _ line: String) throws {
    #expect(native.status == 7)
    #expect(traced.status == native.status)
    #expect(traced.output == native.output)
    let said = traced.error.split(separator: "\n").filter { $0.contains("warning") }
    #expect(said.count == 1, "\(traced.error)")
    let pattern = try Regex(
      NSRegularExpression.escapedPattern(for: line) + "; the trace ends there, [0-9,]+ later events are not in it")
    #expect(said.first?.firstMatch(of: pattern) != nil, "\(traced.error)")
  }

  /// What is there can be read, and says that it is not all.
  private func expectReadable(_ path: String, least: Int) throws {
    let dump = try Command.run([Command.faultline, "dump", path])
    #expect(dump.status == 0)
    #expect(dump.output.split(separator: "\n").count > least)
    #expect(dump.output.contains("pipe2("))
    #expect(try Command.run([Command.faultline, "analyze", path]).status == 0)
  }

  @Test func aLimitOfFileSizes() throws {
    let path = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: path) }
    // 400 blocks of 512 bytes (dash) or 1,024 (bash).
    let traced = try trace(to: path, shell: "ulimit -f 400; exec \"$@\"")
    try expectUndisturbed(traced, "faultline: warning: cannot write \(path): File too large")
    try expectReadable(path, least: 2000)
  }

  private static let canMount: Bool = {
    guard getuid() == 0, let folder = try? Small() else { return false }
    return folder.isMounted
  }()

  /// A small disk of the test's own.
  private final class Small {
    let path = Command.temporary("-disk")
    let isMounted: Bool

    init() throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      isMounted = try Command.run(["mount", "-t", "tmpfs", "-o", "size=400k,mode=1777", "tmpfs", path]).status == 0
    }

    deinit {
      if isMounted { _ = try? Command.run(["umount", "-l", path]) }
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  @Test(.enabled(if: canMount, "needs a root that may mount a tmpfs")) func aFullDisk() throws {
    let disk = try Small()
    let path = disk.path + "/full.flt"
    let traced = try trace(to: path)
    try expectUndisturbed(traced, "faultline: warning: cannot write \(path): No space left on device")
    try expectReadable(path, least: 2000)
    // Reports have no room there, and leave nothing.
    for command in [["report"], ["export", "--format", "jsonl"], ["export", "--format", "perfetto"]] {
      let result = try Command.run([Command.faultline] + command + ["-o", disk.path + "/out", path])
      #expect(result.status == 73)
      #expect(result.error.hasSuffix("faultline: cannot write \(disk.path)/out: No space left on device\n"))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == ["full.flt"])
    // Not even the beginning of a trace.
    let second = try trace(to: disk.path + "/second.flt")
    #expect(second.status == 73)
    #expect(second.output == "")
    #expect(second.error == "faultline: cannot write \(disk.path)/second.flt: No space left on device\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == ["full.flt"])
  }

  @Test(.enabled(if: canMount, "needs a root that may mount a tmpfs")) func aFullDiskUnderAnAttachedProgram() throws {
    let disk = try Small()
    let path = disk.path + "/full.flt"
    let live = try Live([try Program.executable("many_pipes"), "100000000"])
    let attached = try Command.run([Command.faultline, "trace", "-o", path, "-p", "\(live.pid)"], deadline: 60)
    #expect(attached.status == 73)
    #expect(attached.error.contains("warning: cannot write \(path): No space left on device; the trace ends there"))
    #expect(Watch.tracer(live.pid) == 0, "the program is let go when there is no room left")
    #expect(Watch.state(live.pid) != "T")
    try expectReadable(path, least: 2000)
  }

  @Test func aReaderThatGoesAway() throws {
    let path = Command.temporary(".fifo")
    let copy = Command.temporary(".flt")
    defer { for path in [path, copy] { try? FileManager.default.removeItem(atPath: path) } }
    mkfifo(path, 0o600)
    let reader = try Live(["/bin/sh", "-c", "exec head -c 200000 '\(path)' > '\(copy)'"])
    let traced = try trace(to: path)
    #expect(try reader.end().status == 0)
    try expectUndisturbed(traced, "faultline: warning: cannot write \(path): Broken pipe")
    try expectReadable(copy, least: 2000)
  }

  @Test(.enabled(if: Runner.all.contains(.ordinary), "needs root, to become another user"))
  func aFolderThatOnlyOthersWriteTo() throws {
    let folder = Command.temporary("-theirs")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    chmod(folder, 0o755)
    let traced = try trace(to: folder + "/x.flt", as: .ordinary)
    #expect(traced.status == 73)
    #expect(traced.output == "")
    #expect(traced.error == "faultline: cannot write \(folder)/x.flt: Permission denied\n")
  }

  @Test(arguments: [100_000, 300_000, 1 << 20] as [Int]) func aTraceHasItsMostSize(_ size: Int) throws {
    let path = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let most = size == 100_000 ? "100K" : "\(size)"
    let traced = try trace(to: path, ["--max-size", most])
    try expectUndisturbed(traced, "faultline: warning: --max-size is reached")
    let bytes = try Data(contentsOf: URL(filePath: path)).count
    let limit = size == 100_000 ? 102_400 : size
    #expect(bytes <= limit && bytes > limit * 3 / 4, "\(bytes) of \(limit)")
    try expectReadable(path, least: size / 40)
    let analysis = try Command.run([Command.faultline, "analyze", path])
    #expect(analysis.error == "", "it is a whole file")
    #expect(analysis.output.contains("the trace had reached its limit in size"))
    let document = try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", path]).output)
    #expect(document.trace.blind_spots.contains { $0.hasSuffix("the trace had reached its limit in size") })
  }

  @Test func sizesAreWrittenAsPeopleDo() throws {
    for (text, isFine) in [
      ("100K", true), ("1.5MiB", true), ("2GB", true), ("99K", false), ("x", false), ("-1", false),
    ] {
      let result = try Command.run(
        [Command.faultline, "trace", "--quiet", "-o", "/dev/null", "--max-size", text, "--", "/bin/true"])
      #expect((result.status == 0) == isFine, "\(text): \(result.error)")
      if !isFine { #expect(result.status == 64) }
    }
  }
}
