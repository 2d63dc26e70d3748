// Lines of a file of any size, in memory that does not grow with it.

import SystemPackage
import Trace

/// Reads a log line by line. Nothing is kept open between blocks, so that thousands of files can be read side by side.
final class LogFile {
  /// A line that is longer is cut: nothing that strace writes is.
  static let longestLine = 1 << 20
  private static let block = 1 << 18

  let path: String
  let size: Int
  private var buffer: UnsafeMutablePointer<UInt8>
  private var capacity = 3 * LogFile.block
  private var start = 0
  private var filled = 0
  private var offset = 0
  /// How its characters are written; known once its beginning was read.
  private var encoding = TextEncoding.bytes
  /// The number of the line that was read last, from 1.
  private(set) var lineNumber = 0
  /// Lines that were cut.
  private(set) var cutLines = 0
  /// Why reading ended before the end.
  private(set) var failure: TraceError?

  init(path: String) throws(TraceError) {
    self.path = path
    do {
      let opened = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
      defer { try? opened.close() }
      size = Int(try opened.seek(offset: 0, from: .end))
    } catch let errno as Errno {
      throw .unreadable(path: path, errno: errno.rawValue)
    } catch {
      throw .unreadable(path: path, errno: Errno.ioError.rawValue)
    }
    buffer = .allocate(capacity: capacity)
  }

  deinit { buffer.deallocate() }

  /// How far reading has come, in bytes.
  var position: Int { max(0, offset - (filled - start)) }

  func rewind() {
    start = 0
    filled = 0
    offset = 0
    lineNumber = 0
    cutLines = 0
  }

  /// The next line without its end; its bytes stay until the next call. nil at the end.
  func next() -> Scanner? {
    var searched = start
    while true {
      if let end = newline(from: searched) {
        let line = start..<(end > start && buffer[end - 1] == 0x0D ? end - 1 : end)
        start = end + 1
        lineNumber += 1
        return Scanner(buffer, line)
      }
      searched = filled
      if filled - start >= Self.longestLine {
        cutLines += 1
        let line = start..<filled
        start = filled
        skipLine()
        lineNumber += 1
        return Scanner(buffer, line)
      }
      let before = start
      guard fill() else {
        guard start < filled else { return nil }
        let line = start..<(buffer[filled - 1] == 0x0D ? filled - 1 : filled)
        start = filled
        lineNumber += 1
        return Scanner(buffer, line)
      }
      searched -= before - start
    }
  }

  private func newline(from place: Int) -> Int? {
    var place = place
    // Eight bytes at a time: a byte that is 0x0A becomes 0, and borrows.
    while place + 8 <= filled {
      let word = UnsafeRawPointer(buffer + place).loadUnaligned(as: UInt64.self) ^ 0x0A0A_0A0A_0A0A_0A0A
      let found = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
      if found != 0 { return place + found.trailingZeroBitCount / 8 }
      place += 8
    }
    while place < filled {
      if buffer[place] == 0x0A { return place }
      place += 1
    }
    return nil
  }

  /// The rest of a line that was cut goes unread. What is in the buffer is kept as it is.
  private func skipLine() {
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      let got = read(at: offset, into: &block)
      if got <= 0 { return }
      if let end = encoding.newline(in: block[..<got]) {
        offset += end
        return
      }
      offset += got
    }
  }

  private func read(at place: Int, into block: inout [UInt8]) -> Int {
    block.withUnsafeMutableBytes { read(at: place, into: $0) }
  }

  private func read(at place: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
    // What grows meanwhile is not read: passes must agree.
    let count = min(target.count, size - place)
    guard count > 0 else { return 0 }
    do {
      let descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
      defer { try? descriptor.close() }
      return try descriptor.read(
        fromAbsoluteOffset: Int64(place), into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]))
    } catch let errno as Errno {
      failure = .unreadable(path: path, errno: errno.rawValue)
    } catch {
      failure = .unreadable(path: path, errno: Errno.ioError.rawValue)
    }
    return 0
  }

  private func fill() -> Bool {
    if start > 0 {
      buffer.update(from: buffer + start, count: filled - start)
      filled -= start
      start = 0
    }
    // A character of two bytes takes up to three.
    if capacity - filled < 2 * Self.block {
      let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * capacity)
      larger.update(from: buffer, count: filled)
      buffer.deallocate()
      buffer = larger
      capacity *= 2
    }
    let isFirst = offset == 0
    var got = read(at: offset, into: UnsafeMutableRawBufferPointer(start: buffer + filled, count: Self.block))
    let room = UnsafeMutableBufferPointer(start: buffer + filled, count: capacity - filled)
    if isFirst { encoding = TextEncoding.of(room[..<max(0, got)]) }
    if encoding != .bytes, got % 2 == 1, offset + got < size { got -= 1 }
    offset += got
    if encoding != .bytes { got = encoding.decode(room, count: got) }
    // A byte order mark is no part of the first line.
    if isFirst, got >= 3, buffer[0] == 0xEF, buffer[1] == 0xBB, buffer[2] == 0xBF { start = 3 }
    filled += got
    return got > 0
  }
}
