// Running programs with a deadline, so that a hang fails and does not stall.

import Foundation

public struct CommandError: Error, CustomStringConvertible {
  public let what: String
  public var description: String { what }
  public init(what: String) { self.what = what }
}

public struct CommandResult: Sendable {
  /// Exit status, or 128 + signal as a shell gives it.
  public var status: Int32
  public var signal: Int32
  public var output: String
  public var error: String
}

public enum Command {
  /// The faultline that this test run built: it lies beside the test bundle.
  public static let faultline: String = {
    // Under `swift test` argument 0 is the runner beside the products, or the bundle within them.
    var folder = Bundle.main.bundleURL
    for _ in 0..<4 {
      let candidate = folder.appending(path: "faultline").path
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
      folder = folder.deletingLastPathComponent()
    }
    return Victim.repository.appending(path: ".build/debug/faultline").path
  }()

  /// Runs a command to its end. Its standard input is empty unless given.
  public static func run(
    _ command: [String], input: String = "", environment: [String: String] = [:], deadline: Double = 120
  ) throws -> CommandResult {
    let folder = FileManager.default.temporaryDirectory.appending(path: "faultline-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files, not pipes: a grandchild that holds a pipe open would stall the reader.
    let files = ["in", "out", "err"].map { folder.appending(path: $0).path }
    try Data(input.utf8).write(to: URL(filePath: files[0]))
    let pid = try spawn(command, standard: files, environment: environment)
    let ended = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var status: Int32 = 0
    Thread.detachNewThread {
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      ended.signal()
    }
    if ended.wait(timeout: .now() + deadline) == .timedOut {
      kill(pid, SIGKILL)
      throw CommandError(what: "\(command.joined(separator: " ")) did not end within \(deadline) s")
    }
    func text(_ path: String) -> String {
      String(decoding: (try? Data(contentsOf: URL(filePath: path))) ?? Data(), as: UTF8.self)
    }
    let signal = status & 0x7F
    return CommandResult(
      status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, signal: signal, output: text(files[1]),
      error: text(files[2]))
  }

  /// Starts a command with files for its standard descriptors, and with no signal blocked: Foundation's Process hands
  /// down the mask of the calling thread, and the threads that run tests block all signals.
  public static func spawn(_ command: [String], standard: [String], environment: [String: String] = [:]) throws -> pid_t
  {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let flags = [O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT | O_TRUNC]
    for (descriptor, path) in standard.enumerated() {
      posix_spawn_file_actions_addopen(&actions, Int32(descriptor), path, flags[descriptor], 0o600)
    }
    // What other tests have open at this moment, not all of it close-on-exec, is none of the command's business. Closing
    // what is not open is no failure (glibc 2.36, sysdeps/unix/sysv/linux/spawni.c).
    for descriptor in Int32(3)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
    var pid: pid_t = 0
    let arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    let settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
    defer { for text in arguments + settings { free(text) } }
    let failed = posix_spawnp(&pid, command[0], &actions, &attributes, arguments, settings)
    guard failed == 0 else { throw CommandError(what: "\(command[0]): \(String(cString: strerror(failed)))") }
    return pid
  }

  /// A name for a file that nobody else has.
  public static func temporary(_ ending: String) -> String {
    FileManager.default.temporaryDirectory.appending(path: "faultline-\(UUID().uuidString)\(ending)").path
  }
}
