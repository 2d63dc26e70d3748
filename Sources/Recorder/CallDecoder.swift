// Arguments into Operations, when a call is entered. What only its return tells is filled in by CallDecoder+Return.

import Lineage
import Ptrace
import Trace

/// Decodes the calls of one thread at one stop.
struct CallDecoder {
  let memory: TraceeMemory
  /// How many bytes of what the call writes are kept.
  let payloadLimit: Int
  let intern: ([UInt8], TextKind) -> StringID

  private static let closeOnExec: UInt64 = 0o2000000

  /// The operation that the call asks for. Variable parts go into `arena`.
  func entered(_ call: PendingCall, arena: inout Arena) -> Operation {
    let first = fd(call, 0)
    switch call.shape {
    case .plain, .restart, .opaque, .ptrace, .prctl, .seccomp, .privilege: return .plain
    case .futex:
      return .futex(
        address: call.argument(0), operation: UInt32(truncatingIfNeeded: call.argument(1)),
        value: UInt32(truncatingIfNeeded: call.argument(2)))
    case .pipe(let hasFlags):
      return .pipe(read: -1, write: -1, flags: hasFlags ? UInt32(truncatingIfNeeded: call.argument(1)) : 0, inode: 0)
    case .eventfd(let hasFlags):
      return .create(
        .eventfd, flags: hasFlags ? UInt32(truncatingIfNeeded: call.argument(1)) : 0,
        value: call.argument(0) & 0xFFFF_FFFF, fd: -1)
    case .create(let kind, let flags, let value):
      return .create(
        kind, flags: flags >= 0 ? UInt32(truncatingIfNeeded: call.argument(flags)) : 0,
        value: value >= 0 ? call.argument(value) : 0, fd: -1)
    case .signalfd(let hasFlags):
      return .create(
        .signalfd, flags: hasFlags ? UInt32(truncatingIfNeeded: call.argument(3)) : 0,
        value: memory.load(call.argument(1), as: UInt64.self) ?? 0, fd: first)
    case .memfd:
      // MFD_CLOEXEC is 1; in the trace every flag word has O_CLOEXEC's bit.
      let flags = call.argument(1) & 1 != 0 ? Self.closeOnExec : 0
      return .create(.memfd, flags: UInt32(flags), value: 0, fd: -1)
    case .socketPair:
      return .socketPair(first: -1, second: -1, domain: first, type: fd(call, 1))
    case .socket: return .socket(domain: first, type: fd(call, 1))
    case .connect: return .connect(first, address: address(call.argument(1), length: call.argument(2)))
    case .bind: return .bind(first, address: address(call.argument(1), length: call.argument(2)))
    case .listen: return .listen(first)
    case .shutdown: return .shutdown(first, how: fd(call, 1))
    case .accept(let hasFlags):
      return .accept(first, flags: hasFlags ? UInt32(truncatingIfNeeded: call.argument(3)) : 0)
    case .dup: return .duplicate(from: first, to: -1, closeOnExec: false)
    case .dup2: return .duplicate(from: first, to: fd(call, 1), closeOnExec: false)
    case .dup3:
      return .duplicate(from: first, to: fd(call, 1), closeOnExec: call.argument(2) & Self.closeOnExec != 0)
    case .fcntl: return control(call)
    case .ioctl: return deviceControl(call)
    case .flock: return .lock(first, operation: fd(call, 1))
    case .close: return .close(first)
    case .closeRange:
      return .closeRange(
        first: UInt32(truncatingIfNeeded: call.argument(0)), last: UInt32(truncatingIfNeeded: call.argument(1)),
        flags: UInt32(truncatingIfNeeded: call.argument(2)))
    case .open(let path):
      return open(path: call.argument(path), flags: call.argument(path + 1))
    case .creat: return open(path: call.argument(0), flags: 0o1101)
    case .openat2:
      return open(path: call.argument(1), flags: memory.load(call.argument(2), as: UInt64.self) ?? 0)
    case .epollControl: return epollControl(call)
    case .epollWait, .epollPwait2, .poll, .ppoll, .select, .pselect: return wait(call, arena: &arena)
    case .transfer, .vector, .vectorAt, .send, .receive, .message, .messages:
      return transfer(call, arena: &arena)
    case .splice:
      return .move(from: first, to: fd(call, 2), requested: call.argument(4), consumes: true)
    case .tee: return .move(from: first, to: fd(call, 1), requested: call.argument(2), consumes: false)
    case .sendfile: return .move(from: fd(call, 1), to: first, requested: call.argument(3), consumes: true)
    case .setTimer: return .setTimer(first)
    case .takeDescriptor: return .takeDescriptor(pidfd: first, remote: fd(call, 1), owner: .unknown)
    case .spawn(let kind): return .spawn(flags: spawnFlags(kind, call), child: .unknown)
    case .unshare: return .unshare(flags: call.argument(0))
    case .exec(let path): return exec(path: call.argument(path), arguments: call.argument(path + 1), arena: &arena)
    case .exit(let group): return .exit(status: first, group: group)
    case .sendSignal(let target, let signal):
      return .sendSignal(target: fd(call, target), signal: fd(call, signal))
    case .signalAction: return signalAction(call)
    case .signalReturn: return .signalReturn
    case .sleep(let place):
      let isAbsolute = place == 2 && call.argument(1) & 1 != 0
      return .sleep(isAbsolute ? 0 : UInt64(max(0, timespec(call.argument(place)) ?? 0)))
    case .waitChild: return .waitChild(pid: fd(call, call.syscall == .waitid ? 1 : 0))
    case .ring: return .ring(entries: UInt32(truncatingIfNeeded: call.argument(0)))
    }
  }

  /// An argument as an int: the kernel looks at the low half only.
  func fd(_ call: PendingCall, _ place: Int) -> FD { FD(truncatingIfNeeded: call.argument(place)) }

  private func control(_ call: PendingCall) -> Operation {
    let command = UInt32(truncatingIfNeeded: call.argument(1))
    switch command {
    case 0, 1030: return .duplicate(from: fd(call, 0), to: -1, closeOnExec: command == 1030)
    case 2: return .setCloseOnExec(fd(call, 0), call.argument(2) & 1 != 0)
    case 4: return .setNonblocking(fd(call, 0), call.argument(2) & 0o4000 != 0)
    default: return .control(fd(call, 0), command: command)
    }
  }

  private func deviceControl(_ call: PendingCall) -> Operation {
    let command = UInt32(truncatingIfNeeded: call.argument(1))
    switch command {
    case 0x5421: return .setNonblocking(fd(call, 0), (memory.load(call.argument(2), as: Int32.self) ?? 0) != 0)
    case 0x5451: return .setCloseOnExec(fd(call, 0), true)
    case 0x5450: return .setCloseOnExec(fd(call, 0), false)
    default: return .control(fd(call, 0), command: command)
    }
  }

  private func open(path: UInt64, flags: UInt64) -> Operation {
    .open(
      path: intern(memory.string(path) ?? [], .path), flags: UInt32(truncatingIfNeeded: flags), kind: .file, inode: 0)
  }

  private func epollControl(_ call: PendingCall) -> Operation {
    let event = call.argument(3)
    return .epollControl(
      epoll: fd(call, 0), op: fd(call, 1), fd: fd(call, 2),
      events: Readiness(rawValue: memory.load(event, as: UInt32.self) ?? 0),
      data: memory.load(event &+ 4, as: UInt64.self) ?? 0)
  }

  private func spawnFlags(_ kind: CallShape.Spawn, _ call: PendingCall) -> UInt64 {
    switch kind {
    case .fork: 0
    case .vfork: 0x4100
    case .clone: call.argument(0)
    case .clone3: memory.load(call.argument(0), as: UInt64.self) ?? 0
    }
  }

  private func exec(path: UInt64, arguments: UInt64, arena: inout Arena) -> Operation {
    var ids: [Int32] = []
    var next = arguments
    while ids.count < 64, let pointer = memory.load(next, as: UInt64.self), pointer != 0 {
      ids.append(
        Int32(truncatingIfNeeded: intern(memory.string(pointer, limit: 512) ?? [], .argument(ids.count)).index))
      next += 8
    }
    return .exec(
      Exec(path: intern(memory.string(path) ?? [], .code), arguments: arena.add(numbers: ids), caller: .unknown))
  }

  private func signalAction(_ call: PendingCall) -> Operation {
    let action = call.argument(1)
    // Without a new action the call only asks.
    guard action != 0, let handler = memory.load(action, as: UInt64.self) else { return .plain }
    let flags = memory.load(action + 8, as: UInt64.self) ?? 0
    let kind: SignalDisposition.Action = handler == 0 ? .standard : handler == 1 ? .ignore : .handler
    return .signalAction(
      signal: fd(call, 0), SignalDisposition(action: kind, handler: kind == .handler ? handler : 0, flags: flags))
  }

  /// A struct timespec as ns, nil for a null pointer.
  func timespec(_ address: UInt64) -> Int64? {
    guard let seconds = memory.load(address, as: Int64.self), let rest = memory.load(address + 8, as: Int64.self)
    else { return nil }
    return seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ rest
  }

  /// A socket address in words: `unix:/run/x`, `unix:@abstract`, `127.0.0.1:80`, `[::1]:80`.
  private func address(_ pointer: UInt64, length: UInt64) -> StringID {
    var bytes: [UInt8] = []
    guard memory.read(pointer, count: Int(min(length, 128)), into: &bytes) >= 2 else { return .empty }
    let family = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
    switch family {
    case 1:
      let path = bytes.dropFirst(2)
      if path.first == 0 { return intern(Array("unix:@".utf8) + path.dropFirst(), .address) }
      return intern(Array("unix:".utf8) + path.prefix { $0 != 0 }, .address)
    case 2 where bytes.count >= 8:
      let port = Int(bytes[2]) << 8 | Int(bytes[3])
      return intern(Array("\(bytes[4]).\(bytes[5]).\(bytes[6]).\(bytes[7]):\(port)".utf8), .address)
    case 10 where bytes.count >= 24:
      let port = Int(bytes[2]) << 8 | Int(bytes[3])
      let groups = stride(from: 8, to: 24, by: 2).map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }
      return intern(Array("[\(groups.joined(separator: ":"))]:\(port)".utf8), .address)
    default: return intern(Array("family \(family)".utf8), .plain)
    }
  }
}
