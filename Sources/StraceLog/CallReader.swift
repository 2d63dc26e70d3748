// A call's text into an Operation. What the recorder's CallDecoder reads from registers and memory is read from words here.

import Trace

/// Reads the calls of a log, one after the other.
struct CallReader {
  var arguments: Arguments
  /// How many bytes of what a call writes are kept. An eventfd's eight are always needed.
  let payloadLimit: Int
  /// Paths that were made as FIFOs.
  var fifos: Set<[UInt8]> = []

  static let closeOnExec: UInt64 = 0o2000000

  init(_ bytes: UnsafePointer<UInt8>, payloadLimit: Int) {
    arguments = Arguments(bytes)
    self.payloadLimit = payloadLimit
  }

  var call: CallText { arguments.call }

  /// The operation of a call whose text was taken apart. Variable parts go into `arena`; `result` may change (bytes for the mmsg
  /// calls). Of a call that has not returned, what only its return tells is left out.
  mutating func operation(
    _ shape: CallShape, _ syscall: Syscall, result: inout Int64, arena: inout Arena, intern: ([UInt8]) -> StringID
  ) -> Operation {
    switch shape {
    case .plain, .restart, .opaque, .ptrace, .prctl, .seccomp, .privilege: return .plain
    case .futex:
      return .futex(
        address: arguments.count(0), operation: UInt32(truncatingIfNeeded: arguments.flags(1)),
        value: UInt32(truncatingIfNeeded: arguments.count(2)))
    case .pipe(let hasFlags): return pipe(hasFlags: hasFlags)
    case .eventfd(let hasFlags):
      return .create(
        .eventfd, flags: hasFlags ? flags(1) : 0, value: arguments.count(0) & 0xFFFF_FFFF, fd: -1)
    case .create(let kind, let flags, let value):
      return .create(
        kind, flags: flags >= 0 ? self.flags(flags) : 0, value: value >= 0 ? arguments.count(value) : 0, fd: -1)
    case .signalfd(let hasFlags):
      return .create(
        .signalfd, flags: hasFlags ? flags(3) : 0, value: arguments.signalSet(1), fd: arguments.fd(0))
    case .memfd:
      let flags = arguments.flags(1) & 1 != 0 ? Self.closeOnExec : 0
      return .create(.memfd, flags: UInt32(flags), value: 0, fd: -1)
    case .socketPair:
      let (first, second) = pair(3)
      return .socketPair(first: first, second: second, domain: word(0), type: word(1))
    case .socket: return .socket(domain: word(0), type: word(1))
    case .connect: return .connect(arguments.fd(0), address: intern(arguments.address(1)))
    case .bind: return .bind(arguments.fd(0), address: intern(arguments.address(1)))
    case .listen: return .listen(arguments.fd(0))
    case .shutdown: return .shutdown(arguments.fd(0), how: word(1))
    case .accept(let hasFlags): return .accept(arguments.fd(0), flags: hasFlags ? flags(3) : 0)
    case .dup: return .duplicate(from: arguments.fd(0), to: -1, closeOnExec: false)
    case .dup2: return .duplicate(from: arguments.fd(0), to: target(1), closeOnExec: false)
    case .dup3:
      return .duplicate(
        from: arguments.fd(0), to: target(1), closeOnExec: arguments.flags(2) & Self.closeOnExec != 0)
    case .fcntl: return control()
    case .ioctl: return deviceControl()
    case .flock: return .lock(arguments.fd(0), operation: word(1))
    case .close: return .close(target(0))
    case .closeRange:
      return .closeRange(
        first: UInt32(truncatingIfNeeded: arguments.count(0)), last: UInt32(truncatingIfNeeded: arguments.count(1)),
        flags: flags(2))
    case .open(let path): return open(path: path, flags: flags(path + 1), intern)
    case .creat: return open(path: 0, flags: 0o1101, intern)
    case .openat2:
      var scanner = arguments.argument(2)
      if let place = scanner.find("flags=") { scanner.at = place + 6 }
      return open(path: 1, flags: UInt32(truncatingIfNeeded: arguments.flags(&scanner)), intern)
    case .epollControl: return epollControl()
    case .epollWait, .epollPwait2, .poll, .ppoll, .select, .pselect:
      return wait(shape, result: result, arena: &arena)
    case .transfer, .vector, .vectorAt, .send, .receive, .message, .messages:
      return transfer(shape, result: &result, arena: &arena)
    case .splice:
      return .move(from: arguments.fd(0), to: arguments.fd(2), requested: arguments.count(4), consumes: true)
    case .tee:
      return .move(from: arguments.fd(0), to: arguments.fd(1), requested: arguments.count(2), consumes: false)
    case .sendfile:
      return .move(from: arguments.fd(1), to: arguments.fd(0), requested: arguments.count(3), consumes: true)
    case .setTimer: return .setTimer(arguments.fd(0))
    case .takeDescriptor:
      return .takeDescriptor(pidfd: arguments.fd(0), remote: target(1), owner: .unknown)
    case .spawn(let kind): return .spawn(flags: spawnFlags(kind), child: .unknown)
    case .unshare: return .unshare(flags: arguments.flags(0))
    case .exec(let path): return exec(path: path, arena: &arena, intern)
    case .exit(let group): return .exit(status: word(0), group: group)
    case .sendSignal(let target, let signal):
      return .sendSignal(target: word(target), signal: Constants.signal(arguments.argument(signal)) ?? 0)
    case .signalAction: return signalAction()
    case .signalReturn: return .signalReturn
    case .sleep(let place):
      let isAbsolute = place == 2 && arguments.flags(1) & 1 != 0
      return .sleep(isAbsolute ? 0 : UInt64(max(0, arguments.time(arguments.argument(place)) ?? 0)))
    case .waitChild: return .waitChild(pid: word(syscall == .waitid ? 1 : 0))
    case .ring: return .ring(entries: UInt32(truncatingIfNeeded: arguments.count(0)))
    }
  }

  private func word(_ place: Int) -> Int32 { Int32(truncatingIfNeeded: Int64(bitPattern: arguments.flags(place))) }

  private func flags(_ place: Int) -> UInt32 { UInt32(truncatingIfNeeded: arguments.flags(place)) }

  /// A number that the call closes, or gives to another open file: it need not have been known.
  private func target(_ place: Int) -> FD {
    var scanner = arguments.argument(place)
    return FD(truncatingIfNeeded: scanner.number() ?? -1)
  }

  /// `[3<pipe:[7]>, 4<pipe:[7]>]`; -1 of a call that has not returned.
  private func pair(_ place: Int) -> (FD, FD) {
    var scanner = arguments.argument(place)
    guard scanner.skip(0x5B), let first = scanner.number() else { return (-1, -1) }
    _ = scanner.annotation()
    guard scanner.skip(0x2C) else { return (-1, -1) }
    scanner.skipSpaces()
    guard let second = scanner.number() else { return (-1, -1) }
    return (FD(truncatingIfNeeded: first), FD(truncatingIfNeeded: second))
  }

  private func pipe(hasFlags: Bool) -> Operation {
    let (read, write) = pair(0)
    var inode: UInt64 = 0
    if read >= 0, let place = arguments.argument(0).find("<pipe:[") {
      var scanner = arguments.argument(0)
      scanner.at = place + 7
      inode = scanner.decimal() ?? 0
    }
    return .pipe(read: read, write: write, flags: hasFlags ? flags(1) : 0, inode: inode)
  }

  private mutating func control() -> Operation {
    let fd = arguments.fd(0)
    let command = flags(1)
    switch command {
    case 0, 1030: return .duplicate(from: fd, to: -1, closeOnExec: command == 1030)
    case 2: return .setCloseOnExec(fd, arguments.flags(2) & 1 != 0)
    case 4: return .setNonblocking(fd, arguments.flags(2) & 0o4000 != 0)
    default: return .control(fd, command: command)
    }
  }

  private mutating func deviceControl() -> Operation {
    let fd = arguments.fd(0)
    let command = flags(1)
    switch command {
    case 0x5421:
      var scanner = arguments.argument(2)
      _ = scanner.skip(0x5B)
      return .setNonblocking(fd, scanner.number() ?? 0 != 0)
    case 0x5451: return .setCloseOnExec(fd, true)
    case 0x5450: return .setCloseOnExec(fd, false)
    default: return .control(fd, command: command)
    }
  }

  /// What it found, as far as -yy or the path tells.
  private func open(path: Int, flags: UInt32, _ intern: ([UInt8]) -> StringID) -> Operation {
    let text = arguments.text(path)
    var kind = DescriptorIdentity.kind(ofPath: text)
    if flags & 0o200000 != 0 { kind = .directory }
    var inode: UInt64 = 0
    if let range = call.annotation {
      let identity = DescriptorIdentity(Scanner(arguments.bytes, range))
      kind = [.other, .unknown].contains(identity.kind) ? kind : identity.kind
      inode = identity.inode
    }
    if !fifos.isEmpty, fifos.contains(text) { kind = .fifo }
    if kind == .tty || kind == .fifo, inode == 0 { inode = DescriptorIdentity.number(of: text) }
    return .open(path: intern(text), flags: flags, kind: kind, inode: inode)
  }

  private mutating func epollControl() -> Operation {
    let epoll = arguments.fd(0)
    let op = word(1)
    let fd = arguments.fd(2)
    var scanner = arguments.argument(3)
    guard op != 2, scanner.skip(0x7B) else { return .epollControl(epoll: epoll, op: op, fd: fd, events: [], data: 0) }
    let (events, data) = epollEvent(&scanner)
    return .epollControl(epoll: epoll, op: op, fd: fd, events: events, data: data)
  }

  private func spawnFlags(_ kind: CallShape.Spawn) -> UInt64 {
    switch kind {
    case .fork: return 0
    case .vfork: return 0x4100
    case .clone, .clone3:
      for place in call.arguments.indices {
        var scanner = arguments.argument(place)
        guard let found = scanner.find("flags=") else { continue }
        scanner.at = found + 6
        return arguments.flags(&scanner)
      }
      return 0
    }
  }

  private func exec(path: Int, arena: inout Arena, _ intern: ([UInt8]) -> StringID) -> Operation {
    var ids: [Int32] = []
    var scanner = arguments.argument(path + 1)
    if scanner.skip(0x5B) {
      while ids.count < 64, scanner.next == 0x22 {
        var word: [UInt8] = []
        arguments.unescape(&scanner, limit: 512, into: &word)
        ids.append(Int32(truncatingIfNeeded: intern(word).index))
        if scanner.skip(0x2C) { scanner.skipSpaces() }
      }
    }
    return .exec(
      Exec(path: intern(arguments.text(path)), arguments: arena.add(numbers: ids), caller: .unknown))
  }

  private func signalAction() -> Operation {
    guard let signal = Constants.signal(arguments.argument(0)) else { return .plain }
    var scanner = arguments.argument(1)
    // NULL: the call only asks.
    guard scanner.skip(0x7B) else { return .plain }
    if !scanner.skip("sa_handler=") { _ = scanner.skip("sa_sigaction=") }
    var inner = scanner
    let name = inner.word()
    var kind = SignalDisposition.Action.handler
    var address: UInt64 = 0
    if Scanner(arguments.bytes, name).starts(with: "SIG_DFL") {
      kind = .standard
    } else if Scanner(arguments.bytes, name).starts(with: "SIG_IGN") {
      kind = .ignore
    } else {
      address = UInt64(bitPattern: scanner.number() ?? 0)
      if address == 0 { kind = .standard }
      if address == 1 { kind = .ignore }
    }
    return .signalAction(
      signal: signal,
      SignalDisposition(action: kind, handler: kind == .handler ? address : 0, flags: actionFlags()))
  }

  /// `sa_flags=A|B`, or of old the third word.
  private func actionFlags() -> UInt64 {
    var scanner = arguments.argument(1)
    if let place = scanner.find("sa_flags=") {
      scanner.at = place + 9
      return arguments.flags(&scanner)
    }
    guard let place = scanner.find(", SA_") else { return 0 }
    scanner.at = place + 2
    return arguments.flags(&scanner)
  }
}
