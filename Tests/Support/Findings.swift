// `analyze --format json` as the contract describes it: what cannot be decoded here breaks the contract.

import Foundation

public struct FindingsDocument: Decodable, Sendable {
  public struct Trace: Decodable, Sendable {
    public var source: String
    public var command: [String]
    public var started: String
    public var duration_ns: UInt64
    public var events: UInt64
    public var folded_calls: UInt64
    public var processes: Int
    public var threads: Int
    public var complete: Bool
    public var began_after_start: Bool
    public var blind_spots: [String]
  }

  public struct Party: Decodable, Sendable {
    public var pid: Int32
    public var tid: Int32
    public var command: String
    public var parent: Int32?
    public var forked_by_tid: Int32?
    public var execed: Bool
  }

  public struct Object: Decodable, Sendable {
    public var kind: String
    public var id: Int
    public var creator_pid: Int32?
    public var actor_fd: Int32?
    public var victim_fd: Int32?
    public var owner_hint: String?
  }

  public struct Evidence: Decodable, Sendable {
    public var event: UInt64
    public var t_ns: UInt64
    public var pid: Int32
    public var tid: Int32
    public var text: String
    public var stack: Int?
  }

  public struct Finding: Decodable, Sendable {
    public var id: String
    public var rule: String
    public var severity: String
    public var confidence: String
    public var message: String
    public var actor: Party?
    public var victim: Party?
    public var object: Object?
    public var count: UInt64
    public var first_ns: UInt64
    public var last_ns: UInt64
    public var rate_per_s: Double?
    public var cause: String?
    public var evidence: [Evidence]
    public var fix: String
    public var fingerprint: String
  }

  public var schema: String
  public var trace: Trace
  public var findings: [Finding]

  public init(json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }

  /// What of a victim's labels these findings do not fulfil, in words; empty if all is well.
  public func objections(to victim: Victim, root: Int32?) -> [String] {
    var objections: [String] = []
    for expectation in victim.expectations {
      let candidates = findings.filter { $0.rule == expectation.rule }
      if candidates.isEmpty { objections.append("\(expectation.rule) was not found") }
      let disagreements = candidates.map { failures($0, expectation, root: root) }
      if !candidates.isEmpty, !disagreements.contains([]) { objections += disagreements.flatMap { $0 } }
    }
    for rule in victim.forbidden where findings.contains(where: { $0.rule == rule }) {
      objections.append("\(rule) was found")
    }
    if victim.isClean {
      objections += findings.filter { $0.severity != "note" }.map { "false alarm: \($0.message)" }
    }
    return objections
  }

  private func failures(_ finding: Finding, _ expectation: Victim.Expectation, root: Int32?) -> [String] {
    var failures: [String] = []
    func demand(_ holds: Bool, _ what: String) {
      if !holds { failures.append("\(finding.rule): \(what), not as labelled: \(finding.message)") }
    }
    for (option, value) in expectation.options {
      switch option {
      case "severity": demand(finding.severity == value, "severity \(finding.severity)")
      case "kind": demand(finding.object?.kind == value, "kind \(finding.object?.kind ?? "none")")
      case "cause":
        demand(findings.first { $0.id == finding.cause }?.rule == value, "cause \(finding.cause ?? "none")")
      case "actor": demand(finding.actor?.parent != nil, "actor \(finding.actor?.pid ?? 0)")
      case "victim": demand(root == nil || finding.victim?.pid == root, "victim \(finding.victim?.pid ?? 0)")
      default: failures.append("unknown label option \(option)")
      }
    }
    return failures
  }
}
