// The recorded examples under traces/ are judged as traces/expected.json says, by this and every later version.

import Analysis
import Foundation
import Support
import Testing
import Trace

@Suite struct RecordedTraceTests {
  struct Expected: Decodable, Equatable {
    var rule: String
    var severity: String
    var confidence: String
    var actor: Int32?
    var victim: Int32?
    var kind: String?
    var count: UInt64
    var cause: String?
  }

  private static let folder = Victim.repository.appending(path: "traces")
  private static let expected: [String: [Expected]] = {
    let data = try? Data(contentsOf: folder.appending(path: "expected.json"))
    return data.flatMap { try? JSONDecoder().decode([String: [Expected]].self, from: $0) } ?? [:]
  }()

  @Test func thereAreExamples() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".flt") }
    #expect(names.count >= 6)
    #expect(Set(names) == Set(Self.expected.keys))
  }

  @Test(arguments: expected.keys.sorted()) func isJudgedAsExpected(_ name: String) throws {
    let reader = try TraceReader(path: Self.folder.appending(path: name).path)
    let analysis = Analyzer.analyze(reader)
    #expect(analysis.isComplete == !name.contains("killed"))
    let found = analysis.findings.map { finding in
      Expected(
        rule: finding.rule.rawValue, severity: finding.severity.word, confidence: finding.confidence.word,
        actor: finding.actor?.pid, victim: finding.victim?.pid, kind: finding.object?.kindName, count: finding.count,
        cause: finding.cause)
    }
    #expect(found == Self.expected[name])
  }
}
