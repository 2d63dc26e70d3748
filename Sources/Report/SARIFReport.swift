// `analyze --format sarif`: what code scanning reads (OASIS SARIF 2.1.0, errata 01).

import Analysis
import Trace

public enum SARIFReport {
  private static let schema =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

  /// The log, with a final newline. `version`: the tool's.
  public static func text(_ analysis: Analysis, version: String) -> String {
    log(analysis, version: version).text(pretty: true) + "\n"
  }

  private static func log(_ analysis: Analysis, version: String) -> JSON {
    .object([
      ("$schema", .string(schema)),
      ("version", .string("2.1.0")),
      ("runs", .array([run(analysis, version: version)])),
    ])
  }

  private static func run(_ analysis: Analysis, version: String) -> JSON {
    var invocation: [(String, JSON)] = [
      ("executionSuccessful", .bool(true)),
      ("startTimeUtc", .string(JSONReport.timestamp(analysis.header.started))),
    ]
    if !analysis.command.isEmpty {
      invocation.append(("commandLine", .string(analysis.command.joined(separator: " "))))
      invocation.append(("arguments", .array(analysis.command.map { .string($0) })))
    }
    let notes = analysis.blindSpots.map { "not seen: \($0)" } + (analysis.isComplete ? [] : ["the trace is incomplete"])
    if !notes.isEmpty {
      invocation.append(
        (
          "toolExecutionNotifications",
          .array(notes.map { .object([("level", .string("note")), ("message", message($0))]) })
        ))
    }
    return .object([
      (
        "tool",
        .object([
          (
            "driver",
            .object([
              ("name", .string("faultline")),
              ("version", .string(version)),
              ("semanticVersion", .string(version)),
              ("rules", .array(RuleID.allCases.map(rule))),
            ])
          )
        ])
      ),
      ("invocations", .array([.object(invocation)])),
      (
        "results",
        .array(
          analysis.findings.map { result($0, nil) } + analysis.suppressed.map { result($0.finding, $0.entry) })
      ),
    ])
  }

  private static func rule(_ rule: RuleID) -> JSON {
    let explanation = Explanation(rule)
    let mechanism = explanation.section("How it comes about").joined(separator: " ")
    let fix = explanation.section("Fix").joined(separator: " ")
    let references = explanation.references
    return .object([
      ("id", .string(rule.rawValue)),
      ("name", .string(camelCase(rule.rawValue))),
      ("shortDescription", message(explanation.headline + ".")),
      ("fullDescription", message(mechanism)),
      ("help", message(([fix] + references).joined(separator: "\n"))),
      ("properties", .object([("tags", .array(["concurrency", "fork", "reliability"].map { .string($0) }))])),
    ])
  }

  /// Rule names are in Pascal case by custom (SARIF 2.1.0, 3.49.7).
  private static func camelCase(_ text: String) -> String {
    text.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  private static func message(_ text: String) -> JSON { .object([("text", .string(text))]) }

  private static func result(_ finding: Finding, _ entry: Suppressions.Entry?) -> JSON {
    var members: [(String, JSON)] = [
      ("ruleId", .string(finding.rule.rawValue)),
      ("ruleIndex", .integer(Int64(RuleID.allCases.firstIndex(of: finding.rule) ?? 0))),
      ("level", .string(finding.severity.word)),
      ("message", message("\(finding.message). \(finding.fix)")),
      ("locations", .array([location(finding)])),
      ("partialFingerprints", .object([("faultline/v1", .string(finding.fingerprint))])),
      ("occurrenceCount", .unsigned(min(max(finding.count, 1), UInt64(Int32.max)))),
    ]
    let stacks = finding.stacks.sorted { $0.key < $1.key }.map(\.value)
    if !stacks.isEmpty {
      members.append(
        (
          "stacks",
          .array(
            stacks.map { frames in
              .object([("frames", .array(frames.map { .object([("location", location($0))]) }))])
            })
        ))
    }
    if let entry {
      var suppression: [(String, JSON)] = [("kind", .string("external"))]
      if !entry.reason.isEmpty { suppression.append(("justification", .string(entry.reason))) }
      members.append(("suppressions", .array([.object(suppression)])))
    }
    members.append(
      (
        "properties",
        .object([
          ("confidence", .string(finding.confidence.word)), ("id", .string(finding.id)),
          ("cause", .optional(finding.cause)),
        ])
      ))
    return .object(members)
  }

  /// Where the actor did it, else where the victim suffers: a line of the program's source if a stack tells one, else the program.
  private static func location(_ finding: Finding) -> JSON {
    let party = finding.actor ?? finding.victim
    let acts = finding.evidence.filter { $0.pid == party?.pid }.reversed() + finding.evidence.reversed()
    let frames = acts.compactMap(\.stack).compactMap { finding.stacks[$0] }.joined()
    if let frame = frames.first(where: { $0.isBlamed && $0.line != nil && $0.file != nil }) { return location(frame) }
    var members: [(String, JSON)] = []
    if let program = party?.program, !program.isEmpty {
      members.append(("physicalLocation", .object([("artifactLocation", .object([("uri", .string(uri(program)))]))])))
    }
    if let party {
      members.append(
        (
          "logicalLocations",
          .array([.object([("name", .string("\(party.command) (pid \(party.pid))")), ("kind", .string("process"))])])
        ))
    }
    return .object(members)
  }

  private static func location(_ frame: Frame) -> JSON {
    var members: [(String, JSON)] = []
    if let file = frame.file ?? frame.module {
      var place: [(String, JSON)] = [("artifactLocation", .object([("uri", .string(uri(file)))]))]
      if let line = frame.line, line > 0 { place.append(("region", .object([("startLine", .integer(Int64(line)))]))) }
      members.append(("physicalLocation", .object(place)))
    }
    if let function = frame.function {
      members.append(
        ("logicalLocations", .array([.object([("name", .string(function)), ("kind", .string("function"))])])))
    }
    return .object(members)
  }

  /// A file's URI (RFC 3986, RFC 8089): absolute for an absolute path, else relative to where the program ran.
  static func uri(_ path: String) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/+@,".utf8)
    let escaped = path.utf8.map { byte in
      if plain.contains(byte) { return String(UnicodeScalar(byte)) }
      let digits = String(byte, radix: 16, uppercase: true)
      return "%" + (digits.count < 2 ? "0" : "") + digits
    }.joined()
    if path.hasPrefix("/") { return "file://" + escaped }
    return path.hasPrefix("./") ? String(escaped.dropFirst(2)) : escaped
  }
}
