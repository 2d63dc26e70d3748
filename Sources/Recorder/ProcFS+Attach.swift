// What /proc tells of a program that was there before the trace (proc(5), Linux 6.1 fs/eventpoll.c and fs/eventfd.c for
// their fdinfo).

import CLinux
import Glibc
import Trace

extension ProcFS {
  /// All processes, ascending.
  static func processes() -> [Int32] { numbers(in: "/proc") }

  /// The threads of a process, ascending, its leader first.
  static func threads(of pid: Int32) -> [Int32] {
    numbers(in: "/proc/\(pid)/task").sorted { ($0 != pid ? 1 : 0, $0) < ($1 != pid ? 1 : 0, $1) }
  }

  /// The children of a process's threads (Linux 3.5, CONFIG_PROC_CHILDREN).
  static func children(of pid: Int32) -> [Int32] {
    threads(of: pid).flatMap { tid in
      String(decoding: read("/proc/\(pid)/task/\(tid)/children") ?? [], as: UTF8.self).split(separator: " ").compactMap
      {
        Int32($0)
      }
    }
  }

  /// The process whose thread traces this one; 0 for none.
  static func tracer(of tid: Int32) -> Int32? {
    guard let thread = field("TracerPid:", of: "/proc/\(tid)/status").flatMap({ Int32($0) }) else { return nil }
    return family(of: thread)?.process ?? thread
  }

  /// The call that a sleeping thread is in (/proc/TID/syscall); nil for one that runs.
  static func syscall(of tid: Int32) -> (number: Int, arguments: Arguments)? {
    let words = String(decoding: read("/proc/\(tid)/syscall") ?? [], as: UTF8.self).split(separator: " ")
    guard words.count >= 7, let number = Int(words[0]), number >= 0 else { return nil }
    let values = words[1...6].map { UInt64($0.dropFirst(2), radix: 16) ?? 0 }
    return (number, (values[0], values[1], values[2], values[3], values[4], values[5]))
  }

  /// The kernel function that a thread sleeps in.
  static func waitChannel(of tid: Int32) -> String { String(decoding: read("/proc/\(tid)/wchan") ?? [], as: UTF8.self) }

  /// The effective user of a process.
  static func user(of pid: Int32) -> UInt32? {
    field("Uid:", of: "/proc/\(pid)/status").flatMap { UInt32($0.split(separator: "\t").dropFirst().first ?? "") }
  }

  static func isKernelThread(_ pid: Int32) -> Bool {
    // PF_KTHREAD, in the ninth field of stat.
    guard let text = read("/proc/\(pid)/stat"), let end = text.lastIndex(of: UInt8(ascii: ")")) else { return false }
    let fields = String(decoding: text[(end + 1)...], as: UTF8.self).split(separator: " ")
    return fields.count > 6 && UInt64(fields[6]).map { $0 & 0x20_0000 != 0 } ?? false
  }

  /// CAP_SYS_PTRACE, bit 19, of this process.
  static func hasPtraceCapability() -> Bool {
    let text = field("CapEff:", of: "/proc/self/status") ?? "0"
    return (UInt64(text, radix: 16) ?? 0) >> 19 & 1 == 1
  }

  /// Where the kernel's own shared object is mapped.
  static func vdso(of tid: Int32) -> Range<UInt64>? {
    for line in (read("/proc/\(tid)/maps") ?? []).split(separator: 10) where line.suffix(6).elementsEqual("[vdso]".utf8)
    {
      let ends = line.prefix { $0 != UInt8(ascii: " ") }.split(separator: UInt8(ascii: "-")).compactMap {
        UInt64(String(decoding: $0, as: UTF8.self), radix: 16)
      }
      if ends.count == 2, ends[0] < ends[1] { return ends[0]..<ends[1] }
    }
    return nil
  }

  static func hasFilter(_ tid: Int32) -> Bool {
    field("Seccomp:", of: "/proc/\(tid)/status").map { $0 != "0" } ?? false
  }

  /// A file that holds one number.
  static func number(_ path: String) -> Int? {
    read(path).flatMap { Int(String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace }) }
  }

  static func arguments(of pid: Int32) -> [[UInt8]] {
    guard let text = read("/proc/\(pid)/cmdline"), !text.isEmpty else { return [] }
    return text.split(separator: 0, omittingEmptySubsequences: false).prefix(64).map { Array($0.prefix(512)) }
      .dropLast(text.last == 0 ? 1 : 0)
  }

  /// Where the kernel put program and stack at the last exec (stat's fields 26 to 28, startcode, endcode, startstack; random
  /// for each exec): a fork has its parent's.
  static func layout(of pid: Int32) -> [String] {
    guard let text = read("/proc/\(pid)/stat"), let end = text.lastIndex(of: UInt8(ascii: ")")) else { return [] }
    let fields = String(decoding: text[(end + 1)...], as: UTF8.self).split(separator: " ").map(String.init)
    return fields.count > 25 ? Array(fields[23...25]) : []
  }

  /// SigCgt and SigIgn.
  static func signals(of tid: Int32) -> (caught: UInt64, ignored: UInt64)? {
    let path = "/proc/\(tid)/status"
    guard let caught = field("SigCgt:", of: path).flatMap({ UInt64($0, radix: 16) }),
      let ignored = field("SigIgn:", of: path).flatMap({ UInt64($0, radix: 16) })
    else { return nil }
    return (caught, ignored)
  }

  /// How much waits to be read: bytes, or an eventfd's count. 0 where it cannot be told.
  static func waiting(_ fd: FD, _ kind: ObjectKind, of pid: Int32) -> UInt64 {
    switch kind {
    case .eventfd:
      return field("eventfd-count:", of: "/proc/\(pid)/fdinfo/\(fd)").flatMap {
        UInt64($0.filter { !$0.isWhitespace }, radix: 16)
      } ?? 0
    case .pipe, .fifo, .socket: return UInt64(max(0, clinux_bytes_waiting(pid, fd)))
    default: return 0
    }
  }

  /// An eventfd's id plus one (Linux 5.2), so that 0 means none.
  static func eventfdIdentity(_ fd: FD, of tid: Int32) -> UInt64 {
    field("eventfd-id:", of: "/proc/\(tid)/fdinfo/\(fd)").flatMap { UInt64($0) }.map { $0 + 1 } ?? 0
  }

  /// What an epoll instance watches: fdinfo's `tfd: N events: x data: x ...` lines.
  static func interest(of epoll: FD, tid: Int32) -> [(fd: FD, events: Readiness, data: UInt64)] {
    guard let text = read("/proc/\(tid)/fdinfo/\(epoll)") else { return [] }
    return text.split(separator: 10).compactMap { line in
      let words = String(decoding: line, as: UTF8.self).split(separator: " ")
      guard words.count >= 6, words[0] == "tfd:", words[2] == "events:", words[4] == "data:", let fd = FD(words[1]),
        let events = UInt32(words[3], radix: 16), let data = UInt64(words[5], radix: 16)
      else { return nil }
      return (fd, Readiness(rawValue: events), data)
    }
  }

  static func usesRing(_ tid: Int32) -> Bool {
    descriptors(of: tid).contains { link("/proc/\(tid)/fd/\($0)") == Array("anon_inode:[io_uring]".utf8) }
  }

  /// The file that is mapped at an address, and the address's offset in that file.
  static func module(at address: UInt64, of tid: Int32) -> (file: [UInt8], offset: UInt64)? {
    guard let text = read("/proc/\(tid)/maps") else { return nil }
    for line in text.split(separator: 10) {
      // start-end permissions offset device inode path
      let words = line.split(separator: 32, maxSplits: 5, omittingEmptySubsequences: true)
      guard words.count >= 5 else { continue }
      let bounds = words[0].split(separator: UInt8(ascii: "-")).compactMap {
        UInt64(String(decoding: $0, as: UTF8.self), radix: 16)
      }
      guard bounds.count == 2, address >= bounds[0], address < bounds[1],
        let offset = UInt64(String(decoding: words[2], as: UTF8.self), radix: 16)
      else { continue }
      guard words.count > 5 else { return nil }
      return (Array(words[5].drop { $0 == 32 }), address - bounds[0] + offset)
    }
    return nil
  }

  /// The descriptors of a process that are among the wanted channels: pipes, sockets and fifos by inode, eventfds by id.
  static func channels(of pid: Int32, among wanted: Set<Identity>) -> [(fd: FD, kind: ObjectKind, inode: UInt64)] {
    descriptors(of: pid).compactMap { fd in
      guard let link = link("/proc/\(pid)/fd/\(fd)") else { return nil }
      // A look at the link first: most descriptors are files.
      guard [UInt8(ascii: "p"), UInt8(ascii: "s"), UInt8(ascii: "a"), UInt8(ascii: "/")].contains(link[0]),
        link[0] != UInt8(ascii: "/") || wanted.contains(where: { $0.kind == .fifo }),
        let found = descriptor(fd, of: pid), found.inode != 0,
        wanted.contains(Identity(kind: found.kind, inode: found.inode))
      else { return nil }
      return (fd, found.kind, found.inode)
    }
  }

  struct Identity: Hashable {
    var kind: ObjectKind
    var inode: UInt64
  }

  static func numbers(in folder: String) -> [Int32] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var found: [Int32] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let number = Int32(name) { found.append(number) }
    }
    return found.sorted()
  }
}
