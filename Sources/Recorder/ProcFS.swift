// What /proc tells of a thread: its descriptors, name and processor time (proc(5)).

import CLinux
import Glibc
import Trace

enum ProcFS {
  struct Found {
    var kind: ObjectKind
    var link: [UInt8]
    /// 0 where the inode tells nothing (anonymous inodes share one).
    var inode: UInt64
  }

  /// What descriptor `fd` of the thread is open on.
  static func descriptor(_ fd: FD, of tid: Int32) -> Found? {
    let path = "/proc/\(tid)/fd/\(fd)"
    var buffer = [UInt8](repeating: 0, count: 512)
    let length = buffer.withUnsafeMutableBytes {
      readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    guard length > 0 else { return nil }
    let link = Array(buffer[..<length])
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    let kind = kind(String(decoding: link, as: UTF8.self), status)
    let hasIdentity = [.pipe, .fifo, .socket, .tty, .file].contains(kind)
    return Found(kind: kind, link: link, inode: hasIdentity ? UInt64(status.st_ino) : 0)
  }

  private static func kind(_ link: String, _ status: stat) -> ObjectKind {
    if link.hasPrefix("pipe:") { return .pipe }
    if link.hasPrefix("socket:") { return .socket }
    if link.hasPrefix("/memfd:") { return .memfd }
    switch link {
    case "anon_inode:[eventfd]": return .eventfd
    case "anon_inode:[eventpoll]": return .epoll
    case "anon_inode:[signalfd]": return .signalfd
    case "anon_inode:[timerfd]": return .timerfd
    case "anon_inode:inotify": return .inotify
    case "anon_inode:[pidfd]": return .pidfd
    default: break
    }
    switch status.st_mode & S_IFMT {
    case S_IFIFO: return .fifo
    case S_IFDIR: return .directory
    case S_IFREG: return .file
    case S_IFCHR:
      // Terminals: major 4 (tty, ttyS), 5 (/dev/tty, console), 136 to 143 (pts). Linux Documentation, devices.txt.
      let major = status.st_rdev >> 8 & 0xFFF
      return major == 4 || major == 5 || (136...143).contains(major) ? .tty : .device
    default: return link.hasPrefix("pidfd:") ? .pidfd : .other
    }
  }

  /// The flags of an open descriptor (fdinfo's octal `flags:` line); O_CLOEXEC included.
  static func flags(_ fd: FD, of tid: Int32) -> UInt32 {
    field("flags:", of: "/proc/\(tid)/fdinfo/\(fd)").flatMap { UInt32($0, radix: 8) } ?? 0
  }

  /// The process behind a pidfd, in the tracer's pid namespace.
  static func pidBehind(_ fd: FD, of tid: Int32) -> Int32? {
    field("Pid:", of: "/proc/\(tid)/fdinfo/\(fd)").flatMap { Int32($0) }
  }

  static func field(_ name: String, of path: String) -> String? {
    guard let text = read(path) else { return nil }
    for line in text.split(separator: 10) {
      let line = String(decoding: line, as: UTF8.self)
      if line.hasPrefix(name) {
        return String(line.dropFirst(name.count).drop { $0 == "\t" || $0 == " " })
      }
    }
    return nil
  }

  /// The open descriptors of a process, ascending.
  static func descriptors(of tid: Int32) -> [FD] {
    guard let directory = opendir("/proc/\(tid)/fd") else { return [] }
    defer { closedir(directory) }
    var found: [FD] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let fd = FD(name) { found.append(fd) }
    }
    return found.sorted()
  }

  /// Time running and time runnable, ns (/proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst).
  static func usage(of tid: Int32, in pid: Int32) -> (running: UInt64, waiting: UInt64)? {
    guard let text = read("/proc/\(pid)/task/\(tid)/schedstat") else { return nil }
    let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
    guard fields.count >= 2, let running = UInt64(fields[0]), let waiting = UInt64(fields[1]) else { return nil }
    return (running, waiting)
  }

  /// The thread group that a thread belongs to, and the parent of that (/proc/TID/status).
  static func family(of tid: Int32) -> (process: Int32, parent: Int32)? {
    let path = "/proc/\(tid)/status"
    guard let process = field("Tgid:", of: path).flatMap({ Int32($0) }),
      let parent = field("PPid:", of: path).flatMap({ Int32($0) })
    else { return nil }
    return (process, parent)
  }

  /// Whether the thread's process ignores the signal, perhaps since before it was traced.
  static func ignores(_ signal: Int32, tid: Int32) -> Bool {
    let text = field("SigIgn:", of: "/proc/\(tid)/status") ?? "0"
    let mask = UInt64(text, radix: 16) ?? 0
    return mask >> (signal - 1) & 1 == 1
  }

  static func name(of tid: Int32, in pid: Int32) -> [UInt8]? {
    read("/proc/\(pid)/task/\(tid)/comm").map { Array($0.prefix { $0 != 10 }) }
  }

  /// A small file's whole content.
  static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4096)
    while true {
      let got = part.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      guard got > 0 else { return content }
      content.append(contentsOf: part[..<got])
    }
  }
}
