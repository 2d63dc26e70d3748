// The victims under Tests/Victims and what their labels say must and must not be found (Tests/Victims/README.md).

import Foundation

public struct Victim: Sendable {
  public struct Expectation: Sendable {
    public var rule: String
    public var options: [String: String]
  }

  public let path: String
  public let labels: [(name: String, value: String)]

  public var name: String { URL(filePath: path).lastPathComponent }
  public var isClean: Bool { labels.contains { $0.name == "clean" } }
  /// It lasts, so that scope light finds it.
  public var lasts: Bool { labels.contains { $0.name == "light" } }
  /// Options for the linker.
  public var links: [String] {
    labels.filter { $0.name == "links" }.flatMap { $0.value.split(separator: " ").map(String.init) }
  }
  /// It takes long under trace: only tools/corpus runs it.
  public var isSlow: Bool { labels.contains { $0.name == "slow" } }
  public var forbidden: [String] { labels.filter { $0.name == "forbid" }.map(\.value) }

  public var expectations: [Expectation] {
    labels.filter { $0.name == "expect" }.map { label in
      let words = label.value.split(separator: " ")
      let pairs = words.dropFirst().map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
      return Expectation(
        rule: String(words[0]), options: Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) }))
    }
  }

  /// The repository's root, from this file's place in it.
  public static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  public static let all: [Victim] = {
    let folder = repository.appending(path: "Tests/Victims")
    var found: [Victim] = []
    for (part, ending) in [("c", ".c"), ("python", ".py"), ("shell", ".sh")] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: part).path)) ?? []
      for name in names.sorted() where name.hasSuffix(ending) {
        let victim = Victim(path: folder.appending(path: "\(part)/\(name)").path)
        if !victim.labels.isEmpty { found.append(victim) }  // Else what several share.
      }
    }
    return found
  }()

  public init(path: String) {
    self.path = path
    var labels: [(name: String, value: String)] = []
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) where !line.hasPrefix("#!") {
      let marker = path.hasSuffix(".c") ? "// " : "# "
      guard line.hasPrefix(marker), let colon = line.firstIndex(of: ":") else { break }
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      labels.append((String(line[line.index(line.startIndex, offsetBy: marker.count)..<colon]), value))
    }
    self.labels = labels
  }

  public static func named(_ name: String) -> Victim { all.first { $0.name == name }! }

  /// What a victim ends with if something that it needs is not installed.
  public static let lacksNeeds: Int32 = 77

  private func values(_ name: String) -> [String] { labels.filter { $0.name == name }.map(\.value) }

  /// The command that runs it; a C one is compiled first.
  public func command() throws -> [String] {
    if path.hasSuffix(".py") { return ["/usr/bin/python3", path] }
    if path.hasSuffix(".sh") { return ["/bin/sh", path] }
    return [try Compiler.shared.executable(of: path, links: links)]
  }

  /// The command that runs it, or nil if it cannot be built because a library that it needs is not installed.
  public func commandUnlessLacking() throws -> [String]? {
    do {
      return try command()
    } catch {
      if values("needs").isEmpty { throw error }
      return nil
    }
  }
}

/// Compiles C victims once per run, into a folder of the run's own.
final class Compiler: Sendable {
  static let shared = Compiler()
  private let folder = FileManager.default.temporaryDirectory.appending(path: "faultline-victims-\(getpid())")
  private let lock = NSLock()

  func executable(of source: String, links: [String] = []) throws -> String {
    lock.lock()
    defer { lock.unlock() }
    let name = URL(filePath: source).deletingPathExtension().lastPathComponent
    let output = folder.appending(path: name).path
    if FileManager.default.isExecutableFile(atPath: output) { return output }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let result = try Command.run(
      ["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", output, source] + links, deadline: 60)
    guard result.status == 0 else { throw CommandError(what: "cc \(source): \(result.error)") }
    return output
  }
}
