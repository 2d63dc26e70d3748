// What a release has beside the binary, made of what the tool tells of itself: the manual page and shell completions.

import Foundation
import Support
import Testing

@Suite struct PackagingTests {
  private static func has(_ command: [String]) -> Bool {
    guard let result = try? Command.run(command, deadline: 30) else { return false }
    return result.status == 0
  }

  private static let hasMandoc = (try? Command.run(["mandoc", "-Tlint"], input: "", deadline: 30)) != nil
  private static let hasMan = has(["man", "--version"])
  private static let hasShell = Dictionary(
    uniqueKeysWithValues: ["bash", "zsh", "fish"].map { ($0, has([$0, "-c", "true"])) })

  private struct Help: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String
    }
    struct Argument: Decodable {
      let names: [Name]?
      let abstract: String?
      let shouldDisplay: Bool
    }
    struct Subcommand: Decodable {
      let commandName: String
      let arguments: [Argument]
      let subcommands: [Subcommand]?
    }
    let command: Subcommand
  }

  private func help() throws -> String {
    let dump = try Command.run([Command.faultline, "--experimental-dump-help"])
    try #require(dump.status == 0)
    return dump.output
  }

  private func manual() throws -> String {
    let generator = Victim.repository.appending(path: "tools/packaging/make-manual").path
    let made = try Command.run(
      ["/usr/bin/python3", generator, "--version", "1.2.3", "--date", "2001-02-03"], input: help())
    try #require(made.status == 0, "\(made.error)")
    return made.output
  }

  /// The page in a file of its own, for as long as `body` takes.
  private func withManual(_ body: (String) throws -> Void) throws {
    let path = Command.temporary(".1")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try manual().write(toFile: path, atomically: false, encoding: .utf8)
    try body(path)
  }

  @Test func manualHasEveryCommandAndOption() throws {
    let page = try manual()
    for section in [
      "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO",
    ] {
      #expect(page.contains("\n.SH \(section)\n"))
    }
    #expect(page.contains("\"faultline 1.2.3\"") && page.contains(" 2001-02-03 "))
    let root = try JSONDecoder().decode(Help.self, from: Data(help().utf8)).command
    let commands = try #require(root.subcommands).filter { $0.commandName != "help" }
    #expect(commands.count > 8)
    // Each command's part ends where the next begins.
    let parts = page.components(separatedBy: "\n.SS ")
    for command in commands {
      let part = try #require(parts.first { $0.hasPrefix(command.commandName + "\n") })
      for name in command.arguments.filter(\.shouldDisplay).flatMap({ $0.names ?? [] }) {
        if name.name == "help" || name.name == "h" || name.name == "version" { continue }
        let spelled = (name.kind == "long" ? "--" : "-") + name.name
        let bold = "\\fB" + spelled.replacing("-", with: "\\-") + "\\fR"
        // An option that another command has as well may be told there, by its long name here.
        #expect(part.contains(bold) || name.kind == "short", "\(command.commandName) \(spelled)")
        #expect(page.contains(bold), "\(spelled)")
      }
    }
  }

  @Test(.enabled(if: hasMandoc, "needs mandoc")) func manualSatisfiesMandoc() throws {
    try withManual { path in
      let lint = try Command.run(["mandoc", "-Tlint", path])
      #expect(lint.status == 0)
      #expect(lint.output + lint.error == "")
    }
  }

  @Test(.enabled(if: hasMan, "needs man (man-db)")) func manualShowsWithoutWarnings() throws {
    try withManual { path in
      let shown = try Command.run(
        ["man", "--warnings", "-P", "cat", "-l", path], environment: ["LC_ALL": "C.UTF-8", "MANWIDTH": "80"])
      #expect(shown.status == 0)
      #expect(shown.error == "")
      #expect(shown.output.contains("--until-finding"))
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func completionsAreValid(_ shell: String) throws {
    let script = try Command.run([Command.faultline, "--generate-completion-script", shell])
    #expect(script.status == 0)
    #expect(script.output.contains("lineage"))
    guard Self.hasShell[shell] == true else { return }
    let path = Command.temporary("." + shell)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try script.output.write(toFile: path, atomically: false, encoding: .utf8)
    let read = try Command.run([shell, "-n", path])
    #expect(read.status == 0)
    #expect(read.output + read.error == "")
  }

  @Test(.enabled(if: hasShell["bash"]!, "needs bash")) func bashCompletesCommandsValuesAndFiles() throws {
    let folder = Command.temporary("")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try "".write(toFile: folder + "/some.flt", atomically: false, encoding: .utf8)
    func completed(_ words: String...) throws -> [Substring] {
      let line = words.joined(separator: " ")
      let result = try Command.run([
        "bash", "--norc", "-c",
        """
        cd '\(folder)' && . <('\(Command.faultline)' --generate-completion-script bash) || exit
        COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " "))) COMP_CWORD=\(words.count - 1)
        COMP_LINE='\(line)' COMP_POINT=\(line.count) COMP_TYPE=9
        function=$(complete -p faultline | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function faultline '\(words.last!)' '\(words[words.count - 2])'
        printf '%s\\n' "${COMPREPLY[@]}"
        """,
      ])
      return result.output.split(separator: "\n").map { $0.last == " " ? $0.dropLast() : $0 }
    }
    #expect(try completed("faultline", "ana") == ["analyze"])
    #expect(try Set(completed("faultline", "trace", "--scope", "")) == ["light", "wakeups", "all"])
    #expect(try completed("faultline", "analyze", "so").contains("some.flt"))
  }

  @Test func helpTellsDefaultsByName() throws {
    func help(_ command: String) throws -> String { try Command.run([Command.faultline, "help", command]).output }
    #expect(try help("trace").contains("default: wakeups"))
    #expect(try help("check").contains("default: warning"))
    #expect(try help("why").contains("default: 2s"))
  }

  /// tools/package takes the release's date from it.
  @Test func changelogKnowsTheVersion() throws {
    let version = try Command.run([Command.faultline, "--version"]).output.trimmingCharacters(
      in: .whitespacesAndNewlines)
    let changelog = try String(contentsOf: Victim.repository.appending(path: "CHANGELOG.md"), encoding: .utf8)
    let first = try #require(changelog.split(separator: "\n").first { $0.hasPrefix("## ") })
    #expect(first.hasPrefix("## \(version) ("))
  }
}
