// Where the records of a chunk's body begin: for tools that cut and bend traces. Records have no length of their own.

import CZlib

package enum RecordWalk {
  /// Offsets at which records begin, as far as they can be told apart; the last one given is where that ends.
  package static func boundaries(of body: [UInt8], version: Int = TraceFormat.version) -> [Int] {
    var found = [0]
    _ = try? body.reading { (reader) throws(TraceError) in
      var arena = Arena()
      while !reader.isAtEnd {
        try skip(&reader, version, arena: &arena)
        found.append(reader.offset)
      }
    }
    return found
  }

  /// As ChunkDecoder reads them, without what one record says of another.
  private static func skip(_ reader: inout ByteReader, _ version: Int, arena: inout Arena) throws(TraceError) {
    let isFormer = version < 3
    let tag = try reader.byte()
    guard let kind = RecordKind(rawValue: tag & RecordKind.mask) else { throw .damaged("an unknown record") }
    switch kind {
    case .string:
      _ = try reader.unsigned()
      if !isFormer { _ = try reader.unsigned() }
      _ = unsafe try reader.text()
      return
    case .thread:
      _ = try reader.threadDefinition()
      return
    case .module, .frame, .stackDefinition, .frameName:
      var tables = TraceTables()
      // What it says of others is not looked at.
      do { try reader.stackDefinition(kind, into: &tables) } catch  where reader.isAtEnd { throw error } catch {}
      return
    default: break
    }
    if isFormer || tag & RecordKind.sameThread == 0 { _ = try reader.unsigned() }
    _ = try reader.unsigned()
    let isRun = tag & RecordKind.repeated != 0
    guard kind.isCall else {
      if isFormer, isRun { _ = try reader.unsigned() }
      _ = try reader.fields(kind, version: version, into: &arena)
      return
    }
    if kind == .callWhole || kind == .callEnd { _ = try reader.unsigned() }
    if isFormer {
      if isRun { _ = try reader.unsigned() }
      _ = try reader.unsigned()
      if kind != .callBegin { _ = try reader.unsigned() }
      _ = try reader.operation(into: &arena)
      return
    }
    let isKnown = tag & RecordKind.knownBody != 0
    _ = try reader.unsigned()
    if !isKnown { _ = try reader.operation(into: &arena) }
    if kind != .callBegin { _ = try reader.unsigned() }
    if isRun { for _ in 0..<4 { _ = try reader.unsigned() } }
  }
}

/// A trace file in memory, as its layout has it.
package struct TraceImage {
  package static let magic = TraceFormat.magic
  package var version: Int
  /// The bodies of its chunks.
  package var chunks: [[UInt8]] = []

  package init(version: Int = TraceFormat.version) { self.version = version }

  /// Takes a file apart, as far as its chunks follow each other.
  package init(_ file: [UInt8]) {
    version = file.count > 11 ? Int(file[8]) : TraceFormat.version
    for place in Self.chunks(of: file) {
      let start = place.header + TraceFormat.chunkHeaderSize
      chunks.append(Array(file[start..<start + place.length]))
    }
  }

  /// An unfinished file, whose first body is open: no checksum hides it. Others are sealed.
  package func file() -> [UInt8] {
    var writer = ByteWriter()
    writer.bytes.append(contentsOf: TraceFormat.magic)
    writer.fixed(UInt32(version))
    writer.fixed(UInt32(TraceFormat.fileHeaderSize))
    while writer.bytes.count < TraceFormat.fileHeaderSize { writer.byte(0) }
    for (place, body) in chunks.enumerated() {
      let isLast = place == chunks.count - 1
      ChunkHeader(
        sealed: !isLast, length: UInt32(body.count),
        checksum: isLast ? 0 : UInt32(crc32(0, body, UInt32(body.count))), events: 0, firstTime: 0, lastTime: 0,
        firstSequence: 0
      ).write(into: &writer)
      writer.bytes.append(contentsOf: body)
      while writer.bytes.count % 8 != 0 { writer.byte(0) }
    }
    return writer.bytes
  }

  /// Puts right checksums of a file that was bent elsewhere.
  package static func sealed(_ file: [UInt8]) -> [UInt8] {
    var file = file
    for place in chunks(of: file) {
      let start = place.header + TraceFormat.chunkHeaderSize
      let body = Array(file[start..<start + place.length])
      let checksum = UInt32(crc32(0, body, UInt32(body.count)))
      for byte in 0..<4 { file[place.header + 12 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
    }
    return file
  }

  private static func chunks(of file: [UInt8]) -> [(header: Int, length: Int)] {
    var found: [(header: Int, length: Int)] = []
    var offset = TraceFormat.fileHeaderSize
    while offset + TraceFormat.chunkHeaderSize <= file.count {
      let head = Array(file[offset..<offset + TraceFormat.chunkHeaderSize])
      guard let chunk = try? head.reading({ (reader) throws(TraceError) in try ChunkHeader(from: &reader) }) else {
        break
      }
      let length = min(Int(chunk.length), file.count - offset - TraceFormat.chunkHeaderSize)
      found.append((offset, length))
      offset += TraceFormat.chunkHeaderSize + (length + 7) & ~7
    }
    return found
  }
}
