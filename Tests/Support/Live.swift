// A program that runs while the test does things to it: told and heard line by line, always with a deadline.

import Foundation

public final class Live {
  public let pid: pid_t
  private let folder: URL
  private let input: Int32
  private let output: Int32
  private var heard: [UInt8] = []
  private var status: Int32?

  public init(_ command: [String], as runner: Runner = .own) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "faultline-live-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let files = ["in", "out", "err"].map { [folder] in folder.appending(path: $0).path }
    guard mkfifo(files[0], 0o600) == 0, mkfifo(files[1], 0o600) == 0 else { throw CommandError(what: "mkfifo") }
    // Both ends at once, so that neither side's open waits for the other.
    input = open(files[0], O_RDWR | O_CLOEXEC)
    output = open(files[1], O_RDWR | O_CLOEXEC | O_NONBLOCK)
    pid = try Command.spawn(runner.prefix + command, standard: files)
  }

  deinit {
    if status == nil {
      kill(pid, SIGKILL)
      kill(pid, SIGCONT)
      _ = try? end(deadline: 10)
    }
    close(input)
    close(output)
    try? FileManager.default.removeItem(at: folder)
  }

  public func send(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = write(input, bytes, bytes.count)
  }

  /// The next line that it says.
  public func line(deadline: Double = 30) throws -> String {
    let latest = Date().addingTimeInterval(deadline)
    while true {
      if let end = heard.firstIndex(of: 10) {
        defer { heard.removeSubrange(...end) }
        return String(decoding: heard[..<end], as: UTF8.self)
      }
      if !hear(until: latest) { throw CommandError(what: "pid \(pid) said nothing within \(deadline) s; \(error)") }
    }
  }

  /// Takes what was said meanwhile; false if nothing came in time.
  private func hear(until latest: Date) -> Bool {
    var set = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    guard poll(&set, 1, Int32(max(0, latest.timeIntervalSinceNow) * 1000)) == 1 else { return false }
    var part = [UInt8](repeating: 0, count: 1 << 16)
    let got = read(output, &part, part.count)
    if got > 0 { heard += part[..<got] }
    return got > 0
  }

  /// What it has written to its standard error so far.
  public var error: String { (try? String(contentsOf: folder.appending(path: "err"), encoding: .utf8)) ?? "" }

  /// Waits for its end, and returns its status and all that it said and that was not taken yet.
  public func end(deadline: Double = 60) throws -> CommandResult {
    try until("the end of pid \(pid)", deadline: deadline) {
      while hear(until: .distantPast) {}
      var raw: Int32 = 0
      guard status == nil, waitpid(pid, &raw, WNOHANG) == pid else { return status != nil }
      status = raw
      return true
    }
    while hear(until: .distantPast) {}
    let signal = status! & 0x7F
    return CommandResult(
      status: signal == 0 ? status! >> 8 & 0xFF : 128 + signal, signal: signal,
      output: String(decoding: heard, as: UTF8.self), error: error)
  }
}

/// Waits for something that no event tells of: a state in /proc.
public func until(_ what: String, deadline: Double = 30, _ holds: () throws -> Bool) throws {
  let latest = Date().addingTimeInterval(deadline)
  while try !holds() {
    guard Date() < latest else { throw CommandError(what: "\(what) did not come about within \(deadline) s") }
    usleep(1000)
  }
}

/// What /proc says of a process (proc(5)).
public enum Watch {
  /// R, S, D, T, t, Z, X; nil if there is none.
  public static func state(_ tid: pid_t) -> Character? {
    guard let text = try? String(contentsOfFile: "/proc/\(tid)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    return text[end...].dropFirst(2).first
  }

  public static func threads(_ pid: pid_t) -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return names.compactMap { pid_t($0) }
  }

  /// The process that traces a thread, 0 if none does: TracerPid is the number of a thread.
  public static func tracer(_ tid: pid_t) -> pid_t {
    let thread = field("TracerPid:", tid) ?? 0
    return thread == 0 ? 0 : field("Tgid:", thread) ?? thread
  }

  private static func field(_ name: String, _ tid: pid_t) -> pid_t? {
    guard let text = try? String(contentsOfFile: "/proc/\(tid)/status", encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line.flatMap { pid_t($0.dropFirst(name.count).trimmingCharacters(in: .whitespaces)) }
  }

  public static func isTraced(_ pid: pid_t, by tracer: pid_t) -> Bool {
    let threads = threads(pid)
    return !threads.isEmpty && threads.allSatisfy { Self.tracer($0) == tracer }
  }
}

/// faultline, attached to programs.
public final class Attached {
  public let live: Live
  public let trace = Command.temporary(".flt")

  public init(_ pids: [pid_t], _ options: [String] = [], as runner: Runner = .own) throws {
    live = try Live(
      [Command.faultline, "trace", "-o", trace] + pids.flatMap { ["-p", "\($0)"] } + options, as: runner)
  }

  deinit { try? FileManager.default.removeItem(atPath: trace) }

  /// Waits until all threads of the process are traced, and are through with being looked at: a stopped program's stay stopped.
  public func hold(_ pid: pid_t, isStopped: Bool = false) throws {
    try until("the attach to \(pid)") {
      Watch.isTraced(pid, by: live.pid) && Watch.threads(pid).allSatisfy { isInStop($0) == isStopped }
    }
  }

  private func isInStop(_ tid: pid_t) -> Bool { Watch.state(tid) == "t" }

  /// Waits for the end of faultline. The trace lies there until then, also if nobody else holds this object.
  public func end(deadline: Double = 60) throws -> CommandResult {
    defer { withExtendedLifetime(self) {} }
    return try live.end(deadline: deadline)
  }

  public func document() throws -> FindingsDocument {
    try FindingsDocument(json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
  }

  public func told(_ command: String) throws -> String {
    try Command.run([Command.faultline, command, trace]).output
  }
}
