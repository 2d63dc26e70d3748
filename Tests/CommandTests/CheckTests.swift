// `check`, suppressions, SARIF and `explain` (CONTRACT: commands, exit statuses).

import Foundation
import Support
import Testing

@Suite struct CheckTests {
  /// A program with two findings, and its trace.
  private let victim: [String]
  private let folder: String

  init() throws {
    folder = Command.temporary("")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    victim = try Victim.named("founding_pipe.c").command()
  }

  private func file(_ text: String) throws -> String {
    let path = folder + "/" + UUID().uuidString
    try Data(text.utf8).write(to: URL(filePath: path))
    return path
  }

  private func check(_ options: [String], _ command: [String]) throws -> CommandResult {
    try Command.run(
      [Command.faultline, "check", "-o", folder + "/check.flt"] + options + ["--"] + command, deadline: 60)
  }

  private func analyze(_ options: [String]) throws -> CommandResult {
    try Command.run([Command.faultline, "analyze"] + options + [folder + "/check.flt"], deadline: 60)
  }

  private func findings() throws -> [FindingsDocument.Finding] {
    let text = try analyze(["--format", "json"]).output
    return try JSONDecoder().decode(FindingsDocument.self, from: Data(text.utf8)).findings
  }

  @Test func failsByTheWorstFinding() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try check([], victim).status == 1)
    #expect(try check(["--fail-on", "error"], victim).status == 1)
    #expect(try analyze(["--fail-on", "note"]).status == 1)
    #expect(try analyze([]).status == 0)
  }

  @Test func endsAsTheProgramWhenNothingIsFound() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try check([], ["/bin/sh", "-c", "exit 7"]).status == 7)
    #expect(try check([], ["/bin/sh", "-c", "kill -TERM $$"]).signal == SIGTERM)
  }

  @Test func livesWithWhatIsSuppressed() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try check([], victim).status == 1)
    let found = try findings()
    #expect(found.map(\.rule) == ["foreign-wakeup-write", "busy-poll"])
    let list = try file(
      """
      # What we know of.
      fingerprint \(found[0].fingerprint)   # ticket 12
      rule busy-poll path */founding*       # follows from it
      rule busy-poll path *nothing*
      """)
    let result = try check(["--suppressions", list], victim)
    #expect(result.status == 0)
    #expect(result.error.contains("\(list):4: names no finding: rule busy-poll path *nothing*"))
    #expect(!result.error.contains("\(list):2:"))
    let text = try analyze(["--suppressions", list, "--fail-on", "note"])
    #expect(text.status == 0)
    #expect(text.output.contains("suppressed: foreign-wakeup-write (ticket 12)"))
    let json = try analyze(["--suppressions", list, "--format", "json"]).output
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect((object["findings"] as? [Any])?.isEmpty == true)
    #expect(
      (object["suppressed"] as? [[String: Any]])?.map { $0["reason"] as? String } == ["ticket 12", "follows from it"])
  }

  @Test(arguments: [
    ("rul busy-poll", "1: rul is none of fingerprint, rule, path, function"), ("\nrule", "2: rule of what?"),
    ("rule no-such", "1: there is no rule no-such"), ("path */x", "1: neither a fingerprint nor a rule"),
    ("fingerprint 12", "1: 12 is no fingerprint: 16 digits of 0-9 and a-f"),
  ])
  func refusesWhatIsNoSuppression(_ text: String, _ words: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let list = try file(text)
    let result = try check(["--suppressions", list], ["/bin/true"])
    #expect(result.status == 65)
    #expect(result.error == "faultline: \(list):\(words)\n")
    #expect(!FileManager.default.fileExists(atPath: folder + "/check.flt"))
  }

  @Test func saysThatSuppressionsAreMissing() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try check(["--suppressions", "/no/such/file"], ["/bin/true"]).status == 66)
  }

  @Test func writesSARIF() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try check([], victim).status == 1)
    let found = try findings()
    let list = try file("rule busy-poll # known")
    let result = try analyze(["--format", "sarif", "--suppressions", list])
    #expect(result.status == 0)
    let log = try JSONDecoder().decode(SARIFLog.self, from: Data(result.output.utf8))
    #expect(log.version == "2.1.0")
    let run = try #require(log.runs.first)
    let rules = run.tool.driver.rules
    #expect(rules.count == 14)
    #expect(
      rules.allSatisfy {
        !$0.shortDescription.text.isEmpty && !$0.fullDescription.text.isEmpty && !$0.help.text.isEmpty
      })
    #expect(run.results.map(\.ruleId) == ["foreign-wakeup-write", "busy-poll"])
    for (result, finding) in zip(run.results, found) {
      #expect(rules[result.ruleIndex].id == result.ruleId)
      #expect(result.level == finding.severity)
      #expect(result.message.text.hasPrefix(finding.message.prefix(20)))
      #expect(result.partialFingerprints == ["faultline/v1": finding.fingerprint])
      let place = try #require(result.locations.first?.physicalLocation)
      #expect(place.artifactLocation.uri == "file://\(victim[0])")
    }
    #expect(run.results[0].suppressions == nil)
    #expect(run.results[1].suppressions?.first?.justification == "known")
  }

  @Test func explainsEachRule() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let all = try Command.run([Command.faultline, "explain"])
    #expect(all.status == 0)
    let rules = all.output.split(separator: "\n").filter { !$0.hasPrefix(" ") }.map(String.init)
    #expect(rules.count == 14)
    for rule in rules {
      let one = try Command.run([Command.faultline, "explain", rule])
      #expect(one.status == 0)
      for title in ["How it comes about", "Example", "Fix", "Not this", "References"] {
        #expect(one.output.contains("\n\(title)\n"))
      }
      #expect(one.output.contains("https://"))
    }
    #expect(try Command.run([Command.faultline, "explain", "no-such-rule"]).status == 64)
  }
}

/// What a reader of SARIF 2.1.0 needs of it.
private struct SARIFLog: Decodable {
  struct Message: Decodable { var text: String }
  struct Rule: Decodable {
    var id: String
    var shortDescription: Message
    var fullDescription: Message
    var help: Message
  }
  struct Driver: Decodable {
    var name: String
    var rules: [Rule]
  }
  struct Tool: Decodable { var driver: Driver }
  struct Artifact: Decodable { var uri: String }
  struct Physical: Decodable { var artifactLocation: Artifact }
  struct Location: Decodable { var physicalLocation: Physical? }
  struct Suppression: Decodable {
    var kind: String
    var justification: String?
  }
  struct Result: Decodable {
    var ruleId: String
    var ruleIndex: Int
    var level: String
    var message: Message
    var locations: [Location]
    var partialFingerprints: [String: String]
    var suppressions: [Suppression]?
  }
  struct Run: Decodable {
    var tool: Tool
    var results: [Result]
  }
  var version: String
  var runs: [Run]
}
