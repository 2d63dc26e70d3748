// Logs of strace's as input: found by their content, as files of one run (-ff), or on standard input.

import ArgumentParser
import Glibc
import StraceLog
import Trace

enum InputLog {
  /// The log or logs that a path stands for; nil if it is none.
  static func open(_ path: String) throws -> StraceReader? {
    if StraceReader.recognises(path: path) { return try reader([path]) }
    guard access(path, F_OK) != 0 else { return nil }
    // strace -ff -o LOG writes LOG.TID.
    let parts = parts(of: path)
    return parts.isEmpty ? nil : try reader(parts)
  }

  /// The refusal of a text that only looks like a log. `path`: what the user knows it by.
  static func lookalike(_ file: String, as path: String) -> ExitCode? {
    guard !TraceReader.recognises(path: file), let what = LogLookalike.of(path: file) else { return nil }
    let error = TraceError.lookalike(path: path, what: what.words)
    return Console.fail("\(error)", ExitStatus.of(error))
  }

  static func reader(_ paths: [String]) throws -> StraceReader {
    do {
      return try StraceReader(paths: paths)
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
  }

  /// The files PATH.TID.
  private static func parts(of path: String) -> [String] {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[...$0]) } ?? "."
    let name = (slash.map { String(path[path.index(after: $0)...]) } ?? path) + "."
    guard let listing = opendir(folder) else { return [] }
    defer { closedir(listing) }
    var tids: [Int32] = []
    while let entry = readdir(listing) {
      let file = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if file.hasPrefix(name), let tid = Int32(file.dropFirst(name.count)), tid > 0 { tids.append(tid) }
    }
    return tids.sorted().map { "\(path).\($0)" }.filter { StraceReader.recognises(path: $0) }
  }

  /// What the log holds that was not read: a line by kind, with `verbose` each of them.
  /// `path`: the log's as the user gave it.
  static func tell(_ reader: StraceReader, _ path: String, verbose: Bool) {
    let unread = reader.unread
    if unread.isEmpty { return }
    let kinds = UnreadKind.allCases.compactMap { kind -> String? in
      guard let count = unread.counts[kind] else { return nil }
      return "\(count) \(count == 1 ? kind.words.one : kind.words.many)"
    }
    Console.say(
      "\(path): not read: \(kinds.joined(separator: ", "))\(verbose ? "" : "; --verbose shows where")")
    guard verbose else { return }
    for kind in UnreadKind.allCases {
      for place in unread.places[kind] ?? [] {
        Console.say(
          "\(place.path == reader.path ? path : place.path):\(place.line): \(kind.words.one): \(Self.shown(place.text))"
        )
      }
      let more = (unread.counts[kind] ?? 0) - (unread.places[kind]?.count ?? 0)
      if more > 0 { Console.say("and \(more) more \(kind.words.many)") }
    }
  }

  private static func shown(_ text: [UInt8]) -> String {
    String(String.UnicodeScalarView(text.map { (0x20..<0x7F).contains($0) ? Unicode.Scalar($0) : "?" }))
  }
}
