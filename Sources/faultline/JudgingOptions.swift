// What `analyze` and `check` share: which findings count, and which a project lives with.

import Analysis
import ArgumentParser
import Glibc

struct JudgingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file of findings to live with, one a line: by fingerprint, or by rule, path and function.", valueName: "file"),
    completion: .file())
  var suppressions: String?

  /// Before anything runs: a file that cannot be used ends the command.
  func load() throws -> Suppressions? {
    guard let path = suppressions else { return nil }
    guard let text = try Self.read(path) else {
      throw Console.fail("cannot read \(path): \(String(cString: strerror(errno)))", ExitStatus.noInput)
    }
    do {
      return try Suppressions(text)
    } catch {
      throw Console.fail("\(path):\(error.line): \(error.what)", ExitStatus.badData)
    }
  }

  /// Takes out what is lived with; entries that name nothing are told.
  func apply(_ loaded: Suppressions?, to analysis: inout Analysis) {
    guard let loaded, let path = suppressions else { return }
    for entry in loaded.apply(to: &analysis) {
      Console.say("warning: \(path):\(entry.line): names no finding: \(entry.text)")
    }
  }

  /// nil, with errno, for a file that cannot be read.
  private static func read(_ path: String) throws -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&block, 1, block.count, file)
      if count == 0 { break }
      bytes += block[..<count]
    }
    if ferror(file) != 0 { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Console.fail("\(path): not UTF-8", ExitStatus.badData)
    }
    return text
  }
}
