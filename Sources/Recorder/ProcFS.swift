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
    guard let link = link(path) else { return nil }
    var status = clinux_file()
    guard clinux_look(path, &status) == 0 else { return nil }
    let kind = kind(String(decoding: link, as: UTF8.self), status)
    let hasIdentity = [.pipe, .fifo, .socket, .tty, .file].contains(kind)
    if kind == .eventfd { return Found(kind: kind, link: link, inode: eventfdIdentity(fd, of: tid)) }
    return Found(kind: kind, link: link, inode: hasIdentity ? status.inode : 0)
  }

  private static func kind(_ link: String, _ status: clinux_file) -> ObjectKind {
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
    switch status.mode & S_IFMT {
    case S_IFIFO: return .fifo
    case S_IFDIR: return .directory
    case S_IFREG: return .file
    case S_IFCHR:
      // Terminals: major 4 (tty, ttyS), 5 (/dev/tty, console), 136 to 143 (pts). Linux Documentation, devices.txt.
      let major = status.major
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
    numbers(in: "/proc/\(tid)/fd")
  }

  /// Those of them that are pipes, fifos, eventfds or sockets; none where there are more than `most` in all.
  static func channels(of pid: Int32, most: Int) -> [FD] {
    var numbers = [Int32](repeating: 0, count: most)
    let count = numbers.withUnsafeMutableBufferPointer { clinux_channels(pid, $0.baseAddress, Int32(most)) }
    return Array(numbers.prefix(Int(max(0, count))))
  }

  /// ` to ADDRESS` of a connected stream socket, by which the model knows it for one; empty for any other.
  static func connection(_ fd: FD, of pid: Int32) -> [UInt8] {
    var peer = [CChar](repeating: 0, count: 192)
    let kind = peer.withUnsafeMutableBufferPointer { clinux_socket_peer(pid, fd, $0.baseAddress, $0.count) }
    guard kind == Int32(CLINUX_CONNECTED_STREAM.rawValue) else { return [] }
    return Array(" to ".utf8) + peer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  }

  /// What a socket is bound to.
  static func address(_ fd: FD, of pid: Int32) -> [UInt8]? {
    var text = [CChar](repeating: 0, count: 192)
    let result = text.withUnsafeMutableBufferPointer { clinux_socket_address(pid, fd, $0.baseAddress, $0.count) }
    return result == 0 ? text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } : nil
  }

  /// Time running and time runnable, ns (/proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst).
  static func usage(of tid: Int32, in pid: Int32) -> (running: UInt64, waiting: UInt64)? {
    guard let text = read("/proc/\(pid)/task/\(tid)/schedstat") else { return nil }
    let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
    guard fields.count >= 2, let running = UInt64(fields[0]), let waiting = UInt64(fields[1]) else { return nil }
    return (running, waiting)
  }

  /// How often the thread has given up its core to wait for something (/proc/TID/status).
  static func voluntarySwitches(of tid: Int32) -> UInt64? {
    field("voluntary_ctxt_switches:", of: "/proc/\(tid)/status").flatMap { UInt64($0) }
  }

  /// The thread group that a thread belongs to, and the parent of that (/proc/TID/status).
  static func family(of tid: Int32) -> (process: Int32, parent: Int32)? {
    let path = "/proc/\(tid)/status"
    guard let process = field("Tgid:", of: path).flatMap({ Int32($0) }),
      let parent = field("PPid:", of: path).flatMap({ Int32($0) })
    else { return nil }
    return (process, parent)
  }

  /// NoNewPrivs of /proc/PID/status.
  static func hasNoNewPrivileges(_ tid: Int32) -> Bool { field("NoNewPrivs:", of: "/proc/\(tid)/status") == "1" }

  /// What privilege the program of the thread's last exec should have given and did not, in words; nil for none.
  static func lostPrivilege(of tid: Int32, redaction: Redaction?) -> String? {
    let program = "/proc/\(tid)/exe"
    var status = clinux_file()
    guard clinux_look(program, &status) == 0, let mount = mount(status.mount, of: tid), !mount.isWithoutPrivilege else {
      return nil
    }
    func effective(_ name: String) -> UInt32? {
      // Real, effective, saved, file system.
      field(name, of: "/proc/\(tid)/status").flatMap { UInt32($0.split(separator: "\t").dropFirst().first ?? "") }
    }
    let name =
      link(program).map { String(decoding: redaction?.redacted($0, .code) ?? $0, as: UTF8.self) } ?? "a program"
    if status.mode & S_ISUID != 0, let user = effective("Uid:"), user != status.user {
      return "\(name) is set-user-ID and ran without that privilege"
    }
    if status.mode & S_ISGID != 0, status.mode & S_IXGRP != 0, let group = effective("Gid:"),
      group != status.group
    {
      return "\(name) is set-group-ID and ran without that privilege"
    }
    if mount.isLocal, clinux_has_capabilities(program) == 1,
      field("CapPrm:", of: "/proc/\(tid)/status").map({ UInt64($0, radix: 16) }) == 0
    {
      return "\(name) has file capabilities and ran without them"
    }
    return nil
  }

  /// The mount that a program lies on (/proc/TID/mountinfo: id, parent, device, root, point, options, ..., -, type, ...).
  private static func mount(_ id: UInt64, of tid: Int32) -> (isWithoutPrivilege: Bool, isLocal: Bool)? {
    for line in (read("/proc/\(tid)/mountinfo") ?? []).split(separator: 10) {
      let words = String(decoding: line, as: UTF8.self).split(separator: " ")
      guard words.count > 8, UInt64(words[0]) == id, let end = words.firstIndex(of: "-"), end + 1 < words.count else {
        continue
      }
      let type = words[end + 1]
      // Who serves the others may be a process that waits for us.
      let isRemote = type.hasPrefix("fuse") || ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph"].contains(type)
      return (words[5].split(separator: ",").contains("nosuid"), !isRemote)
    }
    return nil
  }

  /// What a link of /proc points to.
  static func link(_ path: String) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let length = buffer.withUnsafeMutableBytes {
      readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return length > 0 ? Array(buffer[..<length]) : nil
  }

  /// Whether a signal is on its way to the thread that it does not block.
  static func hasPendingSignal(_ tid: Int32) -> Bool { pendingSignals(tid) != 0 }

  /// SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU (19 to 22).
  static func hasPendingStop(_ tid: Int32) -> Bool { pendingSignals(tid) & 0x3C_0000 != 0 }

  private static func pendingSignals(_ tid: Int32) -> UInt64 {
    let path = "/proc/\(tid)/status"
    func mask(_ name: String) -> UInt64 { field(name, of: path).flatMap { UInt64($0, radix: 16) } ?? 0 }
    return (mask("SigPnd:") | mask("ShdPnd:")) & ~mask("SigBlk:")
  }

  /// Whether the process is number 1 of a pid namespace of its own.
  static func isNamespaceInit(_ pid: Int32) -> Bool {
    let numbers = field("NSpid:", of: "/proc/\(pid)/status")?.split(separator: "\t") ?? []
    return numbers.count > 1 && numbers.last == "1"
  }

  /// Whether the process has this signal waiting.
  static func isPending(_ signal: Int32, for pid: Int32) -> Bool {
    let path = "/proc/\(pid)/status"
    return ["SigPnd:", "ShdPnd:"].contains {
      (field($0, of: path).flatMap { UInt64($0, radix: 16) } ?? 0) >> (signal - 1) & 1 == 1
    }
  }

  /// Whether the thread's process ignores the signal, perhaps since before it was traced.
  static func ignores(_ signal: Int32, tid: Int32) -> Bool {
    let text = field("SigIgn:", of: "/proc/\(tid)/status") ?? "0"
    let mask = UInt64(text, radix: 16) ?? 0
    return mask >> (signal - 1) & 1 == 1
  }

  /// The state of proc(5)'s stat: R, S, D, T, t, Z, X; nil for a thread that is gone.
  static func state(of tid: Int32) -> UInt8? {
    guard let text = read("/proc/\(tid)/stat"), let end = text.lastIndex(of: UInt8(ascii: ")")), end + 2 < text.count
    else { return nil }
    return text[end + 2]
  }

  static func isAlive(_ tid: Int32) -> Bool {
    state(of: tid).map { $0 != UInt8(ascii: "Z") && $0 != UInt8(ascii: "X") } ?? false
  }

  /// Whether the thread may be in the middle of something: not asleep.
  static func isRunning(_ tid: Int32) -> Bool {
    state(of: tid).map { [UInt8(ascii: "R"), UInt8(ascii: "t")].contains($0) } ?? false
  }

  /// Asleep in the kernel: S, D, or stopped by job control.
  static func isAsleep(_ tid: Int32) -> Bool {
    state(of: tid).map { [UInt8(ascii: "S"), UInt8(ascii: "D"), UInt8(ascii: "T")].contains($0) } ?? false
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
