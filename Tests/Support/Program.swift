// The programs under Tests/Programs, and what one of them does natively and traced.

import Foundation

/// Whose processes a program's run consists of. What root may, others may not: a filter without NO_NEW_PRIVS, for one.
public enum Runner: String, Sendable {
  /// Whoever runs the tests.
  case own
  /// uid and gid 65534, without groups; only root can become that.
  case ordinary

  public static let all: [Runner] = canBecomeOrdinary ? [.own, .ordinary] : [.own]

  /// Needs root, setpriv(1), and a faultline that lies where others may run it.
  private static let canBecomeOrdinary: Bool = {
    guard getuid() == 0 else { return false }
    let version = try? Command.run(Self.ordinary.prefix + [Command.faultline, "--version"], deadline: 30)
    return version?.status == 0
  }()

  public var prefix: [String] {
    switch self {
    case .own: []
    case .ordinary: ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    }
  }
}

/// One program, run natively and traced.
public struct Comparison: Sendable {
  public let native: CommandResult
  public let traced: CommandResult
  /// The trace's findings document; nil where the trace cannot be analysed.
  public let document: FindingsDocument?
  /// The trace as `dump` shows it, for tests of what the trace says.
  public let dump: String

  /// Runs `name` (without .c) with `arguments`. A `driver` is a program that starts the other one: it gets the command,
  /// the traced or the native one, as its arguments. Without a `scope` it is the one that `trace` has by itself.
  public init(
    _ name: String, _ arguments: [String] = [], driver: String? = nil, as runner: Runner = .own, scope: String? = nil
  )
    throws
  {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let command = [try Program.executable(name)] + arguments
    let start = runner.prefix + (try driver.map { [try Program.executable($0)] } ?? [])
    native = try Command.run(start + command, deadline: 60)
    traced = try Command.run(
      start + [Command.faultline, "trace", "--quiet", "-o", trace] + (scope.map { ["--scope", $0] } ?? []) + ["--"]
        + command,
      deadline: 60)
    let analyzed = try Command.run([Command.faultline, "analyze", "--format", "json", trace])
    document = try? FindingsDocument(json: analyzed.output)
    dump = try Command.run([Command.faultline, "dump", trace]).output
  }

  /// What differs, in words; empty if nothing does.
  public var differences: [String] {
    var found: [String] = []
    if native.status != traced.status {
      found.append("natively it ends with \(native.status), traced with \(traced.status)")
    }
    for (what, natively, traced) in [
      ("standard output", native.output, traced.output), ("standard error", native.error, traced.error),
    ] where natively != traced {
      let lines = [natively, traced].map { $0.split(separator: "\n", omittingEmptySubsequences: false) }
      let place = zip(lines[0], lines[1]).prefix { $0 == $1 }.count
      let first = lines.map { $0.dropFirst(place).prefix(3).joined(separator: "\n    ") }
      found.append("\(what) from line \(place + 1):\n  natively\n    \(first[0])\n  traced\n    \(first[1])")
    }
    return found
  }
}

public enum Program {
  /// Compiles a program once per run of the tests, into a folder that every user may enter.
  public static func executable(_ name: String) throws -> String {
    try Compiler.shared.executable(of: Victim.repository.appending(path: "Tests/Programs/\(name).c").path)
  }
}
