// `analyze --format json`: schema faultline.findings/1.

import Analysis
import Lineage
import Trace

public enum JSONReport {
  /// The object of the contract, with a final newline.
  public static func text(_ analysis: Analysis) -> String {
    Duration.$countsLines.withValue(!analysis.header.isTimed) { object(analysis).text(pretty: true) + "\n" }
  }

  /// Where there are no times none is told.
  private static func time(_ nanoseconds: UInt64?) -> JSON {
    Duration.countsLines ? .null : nanoseconds.map { .unsigned($0) } ?? .null
  }

  private static func rate(_ perSecond: Double?) -> JSON {
    guard let perSecond, !Duration.countsLines else { return .null }
    return .number((perSecond * 10).rounded() / 10)
  }

  private static func command(_ name: String) -> JSON { name == World.unnamedCommand ? .null : .string(name) }

  static func object(_ analysis: Analysis) -> JSON {
    .object([
      ("schema", .string("faultline.findings/1")),
      ("trace", trace(analysis)),
      ("findings", .array(analysis.findings.map(finding))),
      ("suppressed", .array(analysis.suppressed.map { suppressed($0.finding, $0.entry) })),
      ("standing", .array(analysis.standings.map(standing))),
    ])
  }

  private static func trace(_ analysis: Analysis) -> JSON {
    .object([
      ("source", .string(analysis.header.source.rawValue)),
      ("command", .array(analysis.command.map { .string($0) })),
      ("started", analysis.header.started > 0 ? .string(timestamp(analysis.header.started)) : .null),
      ("duration_ns", time(analysis.duration)),
      ("events", .unsigned(analysis.events)),
      ("folded_calls", .unsigned(analysis.foldedCalls)),
      ("processes", .integer(Int64(analysis.processes))),
      ("threads", .integer(Int64(analysis.threads))),
      ("complete", .bool(analysis.isComplete)),
      ("began_after_start", .bool(analysis.header.beganAfterStart)),
      ("blind_spots", .array(analysis.blindSpots.map { .string($0) })),
      ("summary", .array(analysis.summary.map { .string($0) })),
    ])
  }

  private static func finding(_ finding: Finding) -> JSON {
    .object([
      ("id", .string(finding.id)),
      ("rule", .string(finding.rule.rawValue)),
      ("severity", .string(finding.severity.word)),
      ("confidence", .string(finding.confidence.word)),
      ("message", .string(finding.message)),
      ("actor", finding.actor.map(party) ?? .null),
      ("victim", finding.victim.map(party) ?? .null),
      ("object", finding.object.map(object) ?? .null),
      ("count", .unsigned(finding.count)),
      ("first_ns", time(finding.first)),
      ("last_ns", time(finding.last)),
      ("rate_per_s", rate(finding.rate)),
      ("cause", .optional(finding.cause)),
      ("evidence", .array(finding.evidence.map(evidence))),
      (
        "stacks",
        .object(finding.stacks.sorted { $0.key < $1.key }.map { (String($0.key), .array($0.value.map(frame))) })
      ),
      ("fix", .string(finding.fix)),
      ("fingerprint", .string(finding.fingerprint)),
    ])
  }

  private static func suppressed(_ finding: Finding, _ entry: Suppressions.Entry) -> JSON {
    .object([
      ("finding", self.finding(finding)),
      ("line", .integer(Int64(entry.line))),
      ("entry", .string(entry.text)),
      ("reason", entry.reason.isEmpty ? .null : .string(entry.reason)),
    ])
  }

  private static func standing(_ standing: Standing) -> JSON {
    .object([
      ("pid", .integer(Int64(standing.pid))),
      ("tid", .integer(Int64(standing.tid))),
      ("command", command(standing.command)),
      ("name", .string(standing.name)),
      ("syscall", .optional(standing.syscall)),
      ("fd", .optional(standing.fd >= 0 ? standing.fd : nil)),
      ("since_ns", time(standing.since)),
      ("text", .string(standing.text)),
      ("stack", .array(standing.frames.map(frame))),
    ])
  }

  private static func party(_ party: Party) -> JSON {
    .object([
      ("pid", .integer(Int64(party.pid))),
      ("tid", .integer(Int64(party.tid))),
      ("command", command(party.command)),
      ("parent", .optional(party.parent)),
      ("forked_by_tid", .optional(party.forkedBy)),
      ("execed", .bool(party.execed)),
      ("name", .optional(party.name)),
      ("thread_name", .optional(party.threadName)),
    ])
  }

  private static func object(_ object: FindingObject) -> JSON {
    .object([
      ("kind", object.kind == .unknown ? .null : .string(object.kindName)),
      ("id", .integer(Int64(object.id))),
      ("creator_pid", .optional(object.creatorPid)),
      ("actor_fd", .optional(object.actorFD)),
      ("victim_fd", .optional(object.victimFD)),
      ("owner_hint", .optional(object.ownerHint)),
    ])
  }

  static func frame(_ frame: Frame) -> JSON {
    .object([
      ("kind", .string("\(frame.kind)")),
      ("function", .optional(frame.function)),
      ("file", .optional(frame.file)),
      ("line", .optional(frame.line)),
      ("module", .optional(frame.module)),
      ("offset", .optional(frame.offset)),
      ("library", .bool(frame.isLibrary)),
      ("blamed", .bool(frame.isBlamed)),
    ])
  }

  private static func evidence(_ evidence: Evidence) -> JSON {
    .object([
      ("event", .unsigned(evidence.event)),
      ("t_ns", time(evidence.time)),
      ("pid", .integer(Int64(evidence.pid))),
      ("tid", .integer(Int64(evidence.tid))),
      ("text", .string(evidence.text)),
      ("stack", .optional(evidence.stack)),
    ])
  }

  /// ISO 8601 in UTC with milliseconds, from ns since 1970.
  static func timestamp(_ nanoseconds: UInt64) -> String {
    let seconds = Int(nanoseconds / 1_000_000_000)
    // Days to a civil date: the era of 400 years from 0000-03-01 (proleptic Gregorian calendar).
    let days = seconds / 86400 + 719_468
    let era = days / 146_097
    let dayOfEra = days - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func padded(_ value: Int, _ width: Int = 2) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let rest = seconds % 86400
    return "\(padded(year, 4))-\(padded(month))-\(padded(day))T\(padded(rest / 3600)):\(padded(rest / 60 % 60)):"
      + "\(padded(rest % 60)).\(padded(Int(nanoseconds / 1_000_000 % 1000), 3))Z"
  }
}
