// A trace from a stranger: a whole file, or the records of one chunk, which is what most of a file is.

import Analysis
import Glibc
import Lineage
import Report
import Trace

enum TraceInput {
  static func isFile(_ bytes: [UInt8]) -> Bool { bytes.starts(with: TraceImage.magic.prefix(4)) }

  /// What commands make of a trace.
  private enum Work: CaseIterable { case page, dump, lineage, jsonLines, perfetto, sarif, json, text }

  static func read(_ bytes: [UInt8], isThorough: Bool) {
    guard !bytes.isEmpty else { return }
    let path = Scratch.file(isFile(bytes) ? bytes : file(ofRecords: bytes))
    if isThorough {
      for work in Work.allCases { perform(work, path) }
      return
    }
    // Every input is analyzed; a report, which takes longer than all before it, is made of one in eight, a page of fewer.
    switch Scratch.digest(bytes) & 511 {
    case 0: perform(.page, path)
    case 1..<8: perform(.dump, path)
    case 8..<16: perform(.lineage, path)
    case 16..<24: perform(.jsonLines, path)
    case 24..<32: perform(.perfetto, path)
    case 32..<36: perform(.sarif, path)
    case 36..<42: perform(.json, path)
    case 42..<64: perform(.text, path)
    default: _ = analysis(path)
    }
  }

  private static func perform(_ work: Work, _ path: String) {
    switch work {
    case .page: html(path)
    case .dump: dump(path)
    case .lineage: lineage(path)
    case .jsonLines: jsonLines(path)
    case .perfetto: perfetto(path)
    case .sarif: _ = analysis(path).map { SARIFReport.text($0, version: "0") }
    case .json: _ = analysis(path, .full).map { JSONReport.text($0) }
    case .text:
      guard let analysis = analysis(path) else { return }
      _ = TextReport(colours: true).findings(analysis)
      _ = TextReport(unicode: false).report(analysis)
      _ = TextReport().why(analysis)
    }
  }

  /// The first byte tells the version; then come records.
  private static func file(ofRecords bytes: [UInt8]) -> [UInt8] {
    var image = TraceImage(version: 1 + Int(bytes[0]) % TraceFormat.version)
    image.chunks = [Array(bytes.dropFirst().prefix(65536))]
    return image.file()
  }

  private static func analysis(_ path: String, _ detail: TimelineDetail = .brief) -> Analysis? {
    guard let reader = try? TraceReader(path: path) else { return nil }
    var analysis = Analyzer.analyze(reader, detail: detail)
    analysis.name(by: OneName(), tables: reader.tables)
    return analysis
  }

  private static func html(_ path: String) {
    guard let first = analysis(path, .full) else { return }
    _ = HTMLReport.text(first, trace: "a.flt")
    if let second = analysis(path, .full.around(first.findings)) { _ = HTMLReport.text(second, trace: "a.flt") }
  }

  private static func dump(_ path: String) {
    guard let reader = try? TraceReader(path: path) else { return }
    var filter = EventFilter()
    filter.fd = 3
    var reports = [DumpReport(EventFilter(), colours: true), DumpReport(filter)]
    let names = OneName()
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events {
        for place in reports.indices {
          _ = reports[place].line(event, arena: batch.arena, tables: reader.tables)
          _ = reports[place].frames(event, names: names, tables: reader.tables)
          if event.phase == .begin { _ = reports[place].unfinished(event, arena: batch.arena, tables: reader.tables) }
        }
      }
    }
  }

  private static func lineage(_ path: String) {
    guard let reader = try? TraceReader(path: path) else { return }
    var world = World(keepsHistory: true)
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events { world.apply(event, arena: batch.arena, tables: reader.tables) }
    }
    _ = LineageReport().text(world, tables: reader.tables)
  }

  private static func jsonLines(_ path: String) {
    guard let first = try? TraceReader(path: path), let second = try? TraceReader(path: path) else { return }
    var report = JSONLinesReport(TraceSurvey(first), naming: OneName())
    var batch = EventBatch()
    report.begin()
    while second.next(into: &batch) { report.add(batch) { _ in } }
    report.takeLines { _ in }
  }

  private static func perfetto(_ path: String) {
    guard let reader = try? TraceReader(path: path),
      let export = try? PerfettoExport(began: reader.header.started, naming: OneName(), sink: { _ in }),
      var analysis = try? Analyzer.analyze(reader, telling: export)
    else { return }
    analysis.name(by: OneName(), tables: reader.tables)
    try? export.finish(analysis)
  }

  /// The file itself, and its chunks' records; all cut where a record ends.
  static func seeds(from file: [UInt8], most: Int) -> [[UInt8]] {
    let image = TraceImage(file)
    var seeds: [[UInt8]] = []
    if file.count <= most { seeds.append(file) }
    for body in image.chunks {
      let ends = RecordWalk.boundaries(of: body, version: image.version)
      for part in [most / 8, most / 3, most - 1] {
        guard let end = ends.last(where: { $0 <= part }), end > 0 else { continue }
        seeds.append([UInt8(image.version - 1)] + body[..<end])
      }
    }
    if let body = image.chunks.first {
      var small = TraceImage(version: image.version)
      let ends = RecordWalk.boundaries(of: body, version: image.version)
      let half = ends.last { $0 <= most / 4 } ?? 0
      let end = ends.last { $0 <= most / 2 } ?? 0
      small.chunks = [Array(body[..<half]), Array(body[half..<end])]
      seeds.append(small.file())
    }
    return seeds
  }
}

/// Names every native frame alike: no file of this machine is looked at.
private final class OneName: FrameNaming {
  func names(
    of address: UInt64, in module: ModuleRecord, isReturn: Bool, tables: TraceTables
  ) -> [(function: String?, file: String?, line: Int?)] {
    address % 3 == 0 ? [] : [("f\(address % 5)", nil, nil)]
  }
}

/// One file in memory, without a name, used again and again by one thread.
enum Scratch {
  /// What of an input decides the report that is made of it.
  static func digest(_ bytes: [UInt8]) -> UInt32 { bytes.reduce(0) { $0 &* 31 &+ UInt32($1) } >> 3 }

  private static let descriptor: Int32 = {
    var name = Array("/dev/shm/faultline-fuzz-XXXXXX".utf8CString)
    let made = mkstemp(&name)
    unlink(name)
    return made
  }()

  static func file(_ bytes: [UInt8]) -> String {
    precondition(descriptor >= 0)
    precondition(ftruncate(descriptor, 0) == 0 && pwrite(descriptor, bytes, bytes.count, 0) == bytes.count)
    return "/proc/self/fd/\(descriptor)"
  }
}
