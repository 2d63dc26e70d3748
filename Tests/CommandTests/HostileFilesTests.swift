// Files that nobody meant well with: every command ends with a status of its own, soon, and in little memory.

import Foundation
import Fuzzing
import Support
import Testing

@Suite struct HostileFilesTests {
  /// More of them by `tools/fuzz damaged`.
  private static let copies = ProcessInfo.processInfo.environment["FAULTLINE_DAMAGED_COPIES"].flatMap { Int($0) } ?? 8
  /// A sanitizer's shadow takes address space for itself.
  private static let deadline = Sanitizer.isUsed ? 100.0 : 20.0

  /// Of address space, in KiB.
  private static let mostMemory = 1 << 20

  private static func run(_ command: [String]) throws -> CommandResult {
    let limit = Sanitizer.isUsed ? "unlimited" : "\(mostMemory)"
    return try Command.run(
      ["/bin/sh", "-c", "ulimit -v \(limit); exec \"$@\"", "sh"] + command, deadline: deadline)
  }

  private static let commands: [[String]] = [
    ["analyze"], ["analyze", "--format", "json"], ["analyze", "--format", "sarif"], ["report", "--format", "text"],
    ["report", "-o", "/dev/null"], ["dump", "--stacks"], ["lineage"],
    ["export", "--format", "jsonl", "-o", "/dev/null"],
    ["export", "--format", "perfetto", "-o", "/dev/null"],
  ]

  @Test(arguments: ["gwibber-stacks.flt", "glib-idle-add.flt", "founding-moved.flt"])
  func damagedCopiesAreReadAsFarAsTheyGo(_ name: String) throws {
    let trace = Array(try Data(contentsOf: Victim.repository.appending(path: "traces/\(name)")))
    let file = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: file) }
    for number in 0..<Self.copies {
      try Data(Damage.copy(number, of: trace)).write(to: URL(filePath: file))
      // Few copies go through a command each, many through all.
      let chosen = Self.copies > 8 ? Self.commands : [Self.commands[number % Self.commands.count]]
      for command in chosen {
        let result = try Self.run([Command.faultline] + command + [file])
        #expect(
          result.signal == 0 && [0, 65].contains(result.status),
          "copy \(number), \(command.joined(separator: " ")): status \(result.status): \(result.error.prefix(2000))")
      }
    }
  }

  /// What was a crash, a hang or much memory once, found by tools/fuzz.
  @Test(arguments: Reader.allCases) func formerCrashesAreReadToTheirEnd(_ reader: Reader) throws {
    let program = URL(filePath: Command.faultline).deletingLastPathComponent().appending(path: "fuzz-readers").path
    let folder = Victim.repository.appending(path: "Tests/Hostile/\(reader.rawValue)").path
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { "\(folder)/\($0)" }
    try #require(!files.isEmpty)
    let result = try Self.run([program, reader.rawValue] + files)
    #expect(result.status == 0, "\(result.output.suffix(200)) \(result.error.prefix(2000))")
  }
}
