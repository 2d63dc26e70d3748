// What -y and -yy say of a descriptor (strace 6.1, util.c, printfd; the words are those of /proc/PID/fd), and what a call's name says
// where they are not given.

import Trace

/// Kind and identity of an open file, as far as a log tells them.
struct DescriptorIdentity {
  var kind = ObjectKind.unknown
  /// As in `ExistingDescriptor`.
  var inode: UInt64 = 0
  /// Of a connected stream ` to PEER`, by which the model knows it for one (`World.noteConnection`).
  var peer: [UInt8] = []

  init(kind: ObjectKind) { self.kind = kind }

  /// Of the inside of an annotation: `pipe:[7]`, `UNIX-STREAM:[7->8]`, `anon_inode:[eventfd]`, `/dev/pts/0<char 136:0>`.
  init(_ annotation: Scanner) {
    var scanner = annotation
    if scanner.next == 0x2F {
      kind = Self.kind(ofPath: scanner.text(scanner.rest))
      if scanner.find("<char ") != nil, kind == .file { kind = .device }
      if kind == .tty { inode = Self.number(of: scanner.text(scanner.rest)) }
      return
    }
    if scanner.skip("pipe:[") {
      kind = .pipe
      inode = scanner.decimal() ?? 0
    } else if scanner.skip("socket:[") {
      kind = .socket
      inode = scanner.decimal() ?? 0
    } else if scanner.starts(with: "anon_inode:") || scanner.starts(with: "[") || scanner.starts(with: "signalfd:") {
      anonymous(scanner)
    } else if scanner.starts(with: "pid:") || scanner.starts(with: "pidfd:") {
      kind = .pidfd
    } else {
      // PROTOCOL:[inode], PROTOCOL:[inode->peer], PROTOCOL:[address->address].
      let name = scanner.at
      while Scanner.isWord(scanner.next) || scanner.next == 0x2D { scanner.at += 1 }
      guard scanner.at > name, scanner.skip(":[") else { return }
      kind = .socket
      var inner = scanner
      if let number = inner.decimal(), inner.next == 0x5D || inner.next == 0x2D || inner.next == 0x2C { inode = number }
      let protocolName = Scanner(scanner.bytes, name..<scanner.at)
      let isStream =
        protocolName.starts(with: "TCP") || protocolName.starts(with: "UNIX-STREAM")
        || protocolName.starts(with: "UNIX:")
      if isStream, let arrow = scanner.find("->") {
        peer = Array(" to ".utf8) + scanner.text(arrow + 2..<scanner.end).prefix { $0 != 0x5D && $0 != 0x2C }
      }
    }
  }

  private mutating func anonymous(_ scanner: Scanner) {
    let names: [(StaticString, ObjectKind)] = [
      ("eventfd", .eventfd), ("eventpoll", .epoll), ("signalfd", .signalfd), ("timerfd", .timerfd),
      ("inotify", .inotify), ("pidfd", .pidfd),
    ]
    kind = .other
    for (name, known) in names where scanner.find(name) != nil {
      kind = known
      break
    }
    if let place = scanner.find("eventfd-id=") {
      var inner = scanner
      inner.at = place + 11
      inode = (inner.decimal() ?? 0) &+ 1
    }
  }

  /// Of what lies at a path, as far as names tell.
  static func kind(ofPath path: [UInt8]) -> ObjectKind {
    func starts(_ prefix: String) -> Bool { path.starts(with: prefix.utf8) }
    if starts("/dev/tty") || starts("/dev/pts/") || starts("/dev/console") { return .tty }
    if starts("/dev/shm/") { return .file }
    if starts("/dev/") { return .device }
    if starts("/memfd:") { return .memfd }
    return .file
  }

  /// A number for a text that stands for itself (FNV-1a), never 0.
  static func number(of text: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.prefix(while: { $0 != 0x3C }) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash | 1
  }

  /// What a descriptor must be for the call to succeed with it in its first argument; unknown where several kinds would do.
  static func kind(usedBy shape: CallShape) -> ObjectKind {
    switch shape {
    case .connect, .bind, .listen, .shutdown, .accept, .send, .receive, .message, .messages: .socket
    case .epollControl, .epollWait, .epollPwait2: .epoll
    case .setTimer: .timerfd
    default: .unknown
    }
  }
}
