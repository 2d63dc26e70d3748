// A line of `export --format jsonl` (docs/faultline.events-1.schema.json), the columns that tests look at.

import Foundation

public struct ExportedLine: Decodable, Sendable {
  public struct Ready: Decodable, Sendable, Equatable {
    public var fd: Int64?
    public var asked: String?
    public var returned: String?
    public var kind: String?
    public var channel: Int64?
    public var open_file: Int64?
  }

  public var trace: String
  public var event: UInt64?
  public var type: String
  public var phase: String?
  public var started: String
  public var t_ns: UInt64
  public var end_ns: UInt64?
  public var inside_ns: UInt64?
  public var repeats: UInt32?
  public var cycle: UInt8?
  public var span_ns: UInt64?
  public var pid: Int32?
  public var tid: Int32?
  public var process: UInt32?
  public var thread: UInt32?
  public var command: String?
  public var execed: Bool?
  public var syscall: String?
  public var result: Int64?
  public var errno: String?
  public var fd: Int64?
  public var kind: String?
  public var side: String?
  public var channel: Int64?
  public var open_file: Int64?
  public var creator_pid: Int32?
  public var other_fd: Int64?
  public var other_kind: String?
  public var other_channel: Int64?
  public var other_open_file: Int64?
  public var bytes: UInt64?
  public var payload: String?
  public var passed: [Int32]?
  public var timeout_ns: Int64?
  public var waits: [Ready]?
  public var path: String?
  public var argv: [String]?
  public var address: String?
  public var op: String?
  public var value: Int64?
  public var signal: String?
  public var status: Int32?
  public var parent_tid: Int32?
  public var child_tid: Int32?
  public var running_ns: UInt64?
  public var name: String?
  public var detail: String?
  public var stack: UInt32?
  public var site: String?
  public var frames: [String]?
  public var schema: String?
  public var event_count: UInt64?
  public var folded_calls: UInt64?
  public var complete: Bool?
  public var began_after_start: Bool?

  /// Exports a trace, and parses every line of it.
  public static func lines(of trace: String) throws -> [ExportedLine] {
    let output = Command.temporary(".jsonl")
    defer { try? FileManager.default.removeItem(atPath: output) }
    let exported = try Command.run([Command.faultline, "export", "--format", "jsonl", "-o", output, trace])
    guard exported.status == 0 else { throw CommandError(what: "export: \(exported.status) \(exported.error)") }
    return try parse(Data(contentsOf: URL(filePath: output)))
  }

  public static func parse(_ data: Data) throws -> [ExportedLine] {
    guard data.last == 0x0A else { throw CommandError(what: "the last line has no end") }
    let decoder = JSONDecoder()
    return try data.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false).map {
      try decoder.decode(ExportedLine.self, from: $0)
    }
  }
}
