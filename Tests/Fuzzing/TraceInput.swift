// A trace from a stranger: a whole file, or the records of one chunk, which is what most of a file is.

import Analysis
import Glibc
import Lineage
import Report
import Trace

enum TraceInput {
  /// What stands before records: the format's version that they are of.
  static func isFile(_ bytes: [UInt8]) -> Bool { bytes.starts(with: TraceImage.magic.prefix(4)) }

  static func read(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    let path = Scratch.file(isFile(bytes) ? bytes : file(ofRecords: bytes))
    // One report for each input, so that none is slow for all of them.
    let choice = bytes.reduce(0) { ($0 &* 31 &+ UInt32($1)) } >> 3 & 15
    switch choice {
    case 0: html(path)
    case 1, 2: dump(path)
    case 3, 4: lineage(path)
    case 5, 6: jsonLines(path)
    case 7, 8: perfetto(path)
    case 9: _ = analysis(path).map { SARIFReport.text($0, version: "0") }
    case 10, 11: _ = analysis(path).map { JSONReport.text($0) }
    default:
      guard let analysis = analysis(path) else { return }
      _ = TextReport(colours: choice == 12).findings(analysis)
      _ = TextReport(unicode: choice != 13).report(analysis)
      _ = TextReport().why(analysis)
    }
  }

  /// The first byte tells the version; then come records.
  private static func file(ofRecords bytes: [UInt8]) -> [UInt8] {
    var image = TraceImage(version: 1 + Int(bytes[0]) % 4)
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
    _ = HTMLReport.text(first)
    if let second = analysis(path, .full.around(first.findings)) { _ = HTMLReport.text(second) }
  }

  private static func dump(_ path: String) {
    guard let reader = try? TraceReader(path: path) else { return }
    var filter = EventFilter()
    filter.fd = 3
    let reports = [DumpReport(EventFilter(), colours: true), DumpReport(filter)]
    let names = OneName()
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events {
        for report in reports {
          _ = report.line(event, arena: batch.arena, tables: reader.tables)
          if event.phase == .begin { _ = report.unfinished(event, arena: batch.arena, tables: reader.tables) }
        }
        _ = DumpReport.frames(event, names: names, tables: reader.tables)
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
