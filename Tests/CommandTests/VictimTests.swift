// Every victim, traced by the real tool, is judged as its label says; and it ends as it does natively.

import Foundation
import Support
import Testing
import Trace

@testable import Analysis

extension Victim: CustomTestStringConvertible {
  public var testDescription: String { name }
}

/// Victims are traced one after the other, so that those which measure time have a core; but in two lines, since most wait.
@Suite(.serialized) struct ScriptVictimTests {
  @Test(arguments: VictimTests.chosen.filter { !$0.name.hasSuffix(".c") }) func isJudgedAsLabelled(_ victim: Victim)
    throws
  {
    try VictimTests.judge(victim)
  }
}

@Suite(.serialized) struct VictimTests {
  static let chosen = Victim.all.filter { !$0.isSlow }

  @Test(arguments: chosen.filter { $0.name.hasSuffix(".c") }) func isJudgedAsLabelled(_ victim: Victim) throws {
    try Self.judge(victim)
  }

  static func judge(_ victim: Victim) throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    guard let command = try victim.commandUnlessLacking() else { return }
    let native = try Command.run(command)
    if native.status == Victim.lacksNeeds { return }
    #expect(native.status == 0, "the victim itself says: \(native.error)")
    let traced = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--"] + command)
    #expect(traced.status == native.status, "under trace: \(traced.error)")
    #expect(traced.output == native.output)
    let analyzed = try Command.run([Command.faultline, "analyze", "--format", "json", trace])
    #expect(analyzed.status == 0, "\(analyzed.error)")
    let document = try FindingsDocument(json: analyzed.output)
    #expect(document.schema == "faultline.findings/1")
    #expect(document.trace.complete)
    #expect(document.trace.command == command)
    let root = try Self.root(of: trace)
    #expect(document.objections(to: victim, root: root) == [])
    #expect(try Self.judgements(of: trace, unrolled: false) == Self.judgements(of: trace, unrolled: true))
  }

  /// What is found in a trace as it is, or with its folded runs told call by call.
  static func judgements(of trace: String, unrolled: Bool) throws -> [String] {
    let reader = try TraceReader(path: trace)
    var pass = AnalysisPass()
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in unrolled ? Unrolling.events(of: batch) : batch.events {
        pass.observe(event, arena: batch.arena, tables: reader.tables)
      }
    }
    return pass.conclude(header: reader.header, tables: reader.tables).findings.map { finding in
      let object =
        finding.object.map { "\($0.kindName) \($0.id) \($0.actorFD ?? -1) \($0.victimFD ?? -1)" } ?? "nothing"
      return
        "\(finding.rule.rawValue) \(finding.severity.word) \(finding.confidence.word) \(finding.count) times, by \(finding.actor?.tid ?? 0), to \(finding.victim?.tid ?? 0), on \(object), because of \(finding.cause ?? "itself")"
    }
  }

  /// The pid of the first process in the dump.
  static func root(of trace: String) throws -> Int32? {
    let dump = try Command.run([Command.faultline, "dump", trace])
    return dump.output.split(separator: "\n").first.flatMap { Int32($0.prefix { $0.isNumber }) }
  }

  @Test(arguments: ["founding_pipe.c", "gwibber.py"])
  func fingerprintIsStable(_ name: String) throws {
    let victim = Victim.named(name)
    var fingerprints: [[String]] = []
    for _ in 0..<2 {
      let trace = Command.temporary(".flt")
      defer { try? FileManager.default.removeItem(atPath: trace) }
      _ = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--"] + victim.command())
      let document = try FindingsDocument(
        json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
      fingerprints.append(document.findings.map(\.fingerprint))
    }
    #expect(fingerprints[0] == fingerprints[1])
    #expect(!fingerprints[0].isEmpty)
  }
}
