// The timeline as the page's script unpacks it (Page/data.js): JSON, then the slices of all lanes as variable-length
// numbers, all of it deflated, in base64.

import Analysis
import CZlib

enum PackedSlices {
  /// Times are told in such units, ns: those of the trace itself.
  static let unit: UInt64 = 100

  /// The size of the JSON in bytes, and the JSON. For each lane the number of its slices; then of all slices how long
  /// after the end of the one before it each begins, then how long each lasts, then its entry in the table of calls
  /// (entry * 2 + 1 if a count follows), then the counts of calls (count * 8 + what they differ in, as
  /// `Timeline.Differences`). LEB128. (What is alike stands together, since that deflates to less.)
  static func text(_ json: String, _ lanes: [Timeline.Lane], entries: [Int32]) -> String {
    let total = lanes.reduce(0) { $0 + $1.slices.count }
    var size = Column()
    size.append(UInt64(json.utf8.count))
    var place = 0
    var (numbers, gaps, lengths, heads, counts) = (Column(), Column(), Column(), Column(), Column())
    gaps.reserve(total)
    lengths.reserve(total)
    heads.reserve(total)
    for lane in lanes {
      numbers.append(UInt64(lane.slices.count))
      var last: UInt64 = 0
      for slice in lane.slices {
        let start = max(last, slice.start / unit)
        let end = max(start, slice.end / unit)
        gaps.append(start - last)
        lengths.append(end - start)
        heads.append(UInt64(entries[place]) << 1 | (slice.count > 1 ? 1 : 0))
        place += 1
        if slice.count > 1 { counts.append(slice.count << 3 | UInt64(slice.differences.rawValue)) }
        last = end
      }
    }
    let columns = numbers.bytes + gaps.bytes + lengths.bytes + heads.bytes + counts.bytes
    return base64(deflated(size.bytes + json.utf8 + columns))
  }

  private struct Column {
    private(set) var bytes: [UInt8] = []

    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count * 2) }

    mutating func append(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
  }

  /// RFC 1950, which browsers call `deflate`.
  private static func deflated(_ bytes: [UInt8]) -> [UInt8] {
    var size = compressBound(UInt(bytes.count))
    return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
      let result = compress2(buffer.baseAddress, &size, bytes, UInt(bytes.count), Z_DEFAULT_COMPRESSION)
      precondition(result == Z_OK, "zlib refuses a buffer of the size that it asked for")
      count = Int(size)
    }
  }

  /// RFC 4648, section 4.
  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    return String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { buffer in
      var place = 0
      for start in stride(from: 0, to: bytes.count, by: 3) {
        let rest = bytes.count - start
        let group =
          UInt32(bytes[start]) << 16 | UInt32(rest > 1 ? bytes[start + 1] : 0) << 8
          | UInt32(rest > 2 ? bytes[start + 2] : 0)
        for digit in 0..<4 {
          buffer[place] = digit <= rest ? digits[Int(group >> (18 - 6 * UInt32(digit)) & 63)] : UInt8(ascii: "=")
          place += 1
        }
      }
      return place
    }
  }
}
