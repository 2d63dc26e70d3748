// tools/bench: its short form runs, and its JSON has what scripts read. Nothing is said of times.

import Foundation
import Support
import Testing

@Suite struct BenchTests {
  private struct Document: Decodable {
    struct Machine: Decodable { var cores: Int }
    struct Workload: Decodable {
      struct Variant: Decodable {
        var name: String
        var scope: String?
        var failure: String?
        var samples: [Double?]
        var median: Double?
        var to_untraced: Double?
        var stops_per_call: Double?
        var events: Double?
        var trace_bytes: Double?
        var bytes_per_event: Double?
      }
      var name: String
      var kind: String
      var skipped: String?
      var variants: [Variant]
    }
    var schema: String
    var machine: Machine
    var workloads: [Workload]
  }

  private static let python = "/usr/bin/python3"
  private static var hasPython: Bool { FileManager.default.isExecutableFile(atPath: python) }
  private static let bench = Victim.repository.appending(path: "tools/bench").path

  @Test(.enabled(if: hasPython)) func shortWorkloadsGiveFigures() throws {
    let json = Command.temporary(".json")
    let markdown = Command.temporary(".md")
    defer { for path in [json, markdown] { unlink(path) } }
    let run = try Command.run([
      Self.python, Self.bench, "--quick", "--only", "true,pipe-loop", "--rounds", "1", "--scopes", "wakeups",
      "--faultline", Command.faultline, "--json", json, "--markdown", markdown,
    ])
    #expect(run.status == 0, "\(run.output)\(run.error)")
    let document = try JSONDecoder().decode(Document.self, from: Data(contentsOf: URL(filePath: json)))
    #expect(document.schema == "faultline.bench/1")
    #expect(document.machine.cores > 0)
    #expect(document.workloads.map(\.name) == ["true", "pipe-loop"])
    for workload in document.workloads {
      #expect(workload.kind == "time" && workload.skipped == nil)
      let names = workload.variants.map(\.name).filter { $0 != "strace" }
      #expect(names == ["untraced", "wakeups", "wakeups, stacks"])
      for variant in workload.variants {
        #expect(variant.failure == nil, "\(workload.name), \(variant.name)")
        #expect(variant.samples.count == 1 && variant.median == variant.samples[0] && variant.to_untraced != nil)
        guard variant.scope != nil else { continue }
        #expect((variant.events ?? 0) > 0 && (variant.trace_bytes ?? 0) > 0 && (variant.bytes_per_event ?? 0) > 0)
      }
    }
    let table = try String(contentsOfFile: markdown, encoding: .utf8)
    #expect(table.contains("| pipe-loop | untraced |"))
  }

  @Test(.enabled(if: hasPython), arguments: [["--only", "nonsense"], ["--scopes", "nonsense"], ["--rounds", "0"]])
  func wrongUseIsOneLineAnd64(_ options: [String]) throws {
    let run = try Command.run([Self.python, Self.bench] + options)
    #expect(run.status == 64)
    #expect(run.error.split(separator: "\n").count == 1, "\(run.error)")
  }

  @Test(.enabled(if: hasPython)) func aFailedRunIsSaid() throws {
    // A tracer that cannot run anything.
    let run = try Command.run([
      Self.python, Self.bench, "--quick", "--only", "true", "--rounds", "1", "--scopes", "all",
      "--faultline", "/bin/false",
    ])
    #expect(run.status == 1)
    #expect(run.output.contains("failed: status 1"), "\(run.output)\(run.error)")
  }
}
