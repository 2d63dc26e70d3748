// /proc/PID/maps, line by line (proc(5); Linux 6.1, fs/proc/task_mmu.c, show_map_vma).

import Glibc

struct MapsText {
  struct File: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  struct Line {
    var range: Range<UInt64>
    var isWritable: Bool
    var isExecutable: Bool
    var offset: UInt64
    var file: File
    var path: [UInt8]

    var isFile: Bool { file.inode != 0 }
    var isVDSO: Bool { path == MapsText.vdso }
  }

  private static let vdso = Array("[vdso]".utf8)
  /// A map with more is cut.
  private static let mostBytes = 4 << 20
  private var bytes: [UInt8]
  private var place = 0

  /// Empty if the process is gone or its maps are not to be read.
  init(of pid: Int32) {
    bytes = []
    let descriptor = open("/proc/\(pid)/maps", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    while bytes.count < Self.mostBytes {
      let filled = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: 65536))
      let got = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + filled, 65536) }
      bytes.removeLast(65536 - max(0, got))
      if got <= 0 { break }
    }
  }

  mutating func next() -> Line? {
    while place < bytes.count {
      let end = bytes[place...].firstIndex(of: 10) ?? bytes.count
      defer { place = end + 1 }
      if let line = parse(to: end) { return line }
    }
    return nil
  }

  private mutating func parse(to end: Int) -> Line? {
    guard let start = hexadecimal(end), skip(45, end), let stop = hexadecimal(end), start < stop, skip(32, end),
      place + 4 < end
    else { return nil }
    let flags = bytes[place..<place + 4]
    place += 4
    guard skip(32, end), let offset = hexadecimal(end), skip(32, end), let major = hexadecimal(end), skip(58, end),
      let minor = hexadecimal(end), skip(32, end)
    else { return nil }
    var inode: UInt64 = 0
    while place < end, bytes[place] >= 48, bytes[place] <= 57 {
      inode = inode &* 10 &+ UInt64(bytes[place] - 48)
      place += 1
    }
    while place < end, bytes[place] == 32 { place += 1 }
    return Line(
      range: start..<stop, isWritable: flags[flags.startIndex + 1] == 119,
      isExecutable: flags[flags.startIndex + 2] == 120, offset: offset,
      file: File(device: major << 32 | minor, inode: inode), path: Array(bytes[place..<end]))
  }

  private mutating func skip(_ byte: UInt8, _ end: Int) -> Bool {
    guard place < end, bytes[place] == byte else { return false }
    place += 1
    return true
  }

  private mutating func hexadecimal(_ end: Int) -> UInt64? {
    var value: UInt64 = 0
    let first = place
    while place < end {
      let byte = bytes[place]
      let digit: UInt8
      switch byte {
      case 48...57: digit = byte - 48
      case 97...102: digit = byte - 87
      default: return place > first ? value : nil
      }
      value = value << 4 | UInt64(digit)
      place += 1
    }
    return place > first ? value : nil
  }
}
