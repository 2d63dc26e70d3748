// Which devices are file systems that a process serves (FUSE): reading a page of their files asks that process.

import Glibc

enum FileSystems {
  nonisolated(unsafe) private static var known: [UInt64: Bool] = [:]

  /// - device: major << 32 | minor, as /proc/PID/maps has it.
  ///
  /// By /proc/PID/mountinfo (proc(5)): `36 35 98:0 / /mnt rw - fuse.sshfs source options`.
  static func areServed(_ device: UInt64, seenBy pid: Int32) -> Bool {
    if let answer = known[device] { return answer }
    known[device] = false
    guard let file = fopen("/proc/\(pid)/mountinfo", "re") else { return false }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var room = 0
    defer { free(line) }
    while getline(&line, &room, file) > 0, let line {
      let words = String(cString: line).split(separator: " ")
      guard words.count > 4, let dash = words.firstIndex(of: "-"), dash + 1 < words.count else { continue }
      let numbers = words[2].split(separator: ":").compactMap { UInt64($0) }
      guard numbers.count == 2 else { continue }
      known[numbers[0] << 32 | numbers[1]] = words[dash + 1].hasPrefix("fuse")
    }
    return known[device] ?? false
  }
}
