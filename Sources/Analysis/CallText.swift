// One call's arguments and result in strace's look.

import Lineage
import Trace

struct CallText {
  private let operation: Operation
  private let arena: Arena
  private let tables: TraceTables
  private let naming: (FD) -> String

  init(_ operation: Operation, arena: Arena, tables: TraceTables, naming: @escaping (FD) -> String) {
    self.operation = operation
    self.arena = arena
    self.tables = tables
    self.naming = naming
  }

  func result(_ result: CallResult) -> String {
    if result.failed { return "-1 \(errnoName(result.errno))" }
    if case .transfer(let transfer) = operation, transfer.messages > 0 {
      return "\(transfer.messages) (\(result.rawValue) bytes)"
    }
    if case .wait = operation, result.rawValue == 0 { return "0 (Timeout)" }
    return makesDescriptor ? naming(FD(truncatingIfNeeded: result.rawValue)) : "\(result.rawValue)"
  }

  /// Whether the result is a number of its own.
  private var makesDescriptor: Bool {
    switch operation {
    case .create, .socket, .open, .accept, .duplicate, .takeDescriptor: true
    default: false
    }
  }

  var arguments: String {
    switch operation {
    case .plain, .signalReturn: return ""
    case .pipe(let read, let write, let flags, _):
      return "[\(naming(read)), \(naming(write))]\(EventText.flagSuffix(flags))"
    case .create(let kind, let flags, let value, let fd):
      switch kind {
      case .eventfd: return "\(value)\(EventText.flagSuffix(flags))"
      case .signalfd: return "\(naming(fd)), \(EventText.signalSet(value))\(EventText.flagSuffix(flags))"
      case .pidfd: return "\(value)\(EventText.flagSuffix(flags))"
      default: return EventText.flagText(flags)
      }
    case .socketPair(let first, let second, let domain, let type):
      return "\(EventText.domainName(domain)), \(EventText.typeName(type)), [\(naming(first)), \(naming(second))]"
    case .socket(let domain, let type): return "\(EventText.domainName(domain)), \(EventText.typeName(type))"
    case .connect(let fd, let address), .bind(let fd, let address):
      return "\(naming(fd)), \(EventText.quoted(tables.bytes(address)))"
    case .listen(let fd), .close(let fd), .setTimer(let fd): return naming(fd)
    case .accept(let fd, let flags): return "\(naming(fd))\(EventText.flagSuffix(flags))"
    case .shutdown(let fd, let how):
      let names = ["SHUT_RD", "SHUT_WR", "SHUT_RDWR"]
      return "\(naming(fd)), \(names.indices.contains(Int(how)) ? names[Int(how)] : "\(how)")"
    case .duplicate(let from, let to, let closeOnExec):
      return "\(naming(from))\(to >= 0 ? ", \(to)" : "")\(closeOnExec ? ", O_CLOEXEC" : "")"
    case .setCloseOnExec(let fd, let on): return "\(naming(fd)), F_SETFD, \(on ? "FD_CLOEXEC" : "0")"
    case .setNonblocking(let fd, let on): return "\(naming(fd)), F_SETFL, \(on ? "O_NONBLOCK" : "0")"
    case .control(let fd, let command): return "\(naming(fd)), \(command)"
    case .lock(let fd, let operation): return "\(naming(fd)), \(operation)"
    case .closeRange(let first, let last, let flags): return "\(first), \(last), \(flags)"
    case .open(let path, let flags, _, _):
      let access = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR"][Int(flags & 3)]
      let others = EventText.flagText(flags)
      return "\(EventText.quoted(tables.bytes(path))), \(access)\(others.isEmpty ? "" : "|" + others)"
    case .epollControl(let epoll, let op, let fd, let events, _):
      let name = op == 1 ? "EPOLL_CTL_ADD" : op == 2 ? "EPOLL_CTL_DEL" : "EPOLL_CTL_MOD"
      return op == 2
        ? "\(naming(epoll)), \(name), \(naming(fd))"
        : "\(naming(epoll)), \(name), \(naming(fd)), \(EventText.readiness(events))"
    case .wait(let wait): return text(wait)
    case .transfer(let transfer): return text(transfer)
    case .move(let from, let to, let requested, _): return "\(naming(from)), \(naming(to)), \(requested)"
    case .takeDescriptor(let pidfd, let remote, _): return "\(naming(pidfd)), \(remote)"
    case .spawn(let flags, _): return EventText.cloneFlags(flags)
    case .unshare(let flags): return EventText.cloneFlags(flags)
    case .exec(let exec):
      let words = arena.numbers(exec.arguments).map { EventText.quoted(tables.bytes(StringID(Int($0)))) }
      return "\(EventText.quoted(tables.bytes(exec.path))), [\(words.joined(separator: ", "))]"
    case .exit(let status, _): return "\(status)"
    case .sendSignal(let target, let signal): return "\(target), \(signalName(signal))"
    case .signalAction(let signal, let disposition):
      let action =
        switch disposition.action {
        case .standard: "SIG_DFL"
        case .ignore: "SIG_IGN"
        case .handler: "0x\(String(disposition.handler, radix: 16))"
        }
      return "\(signalName(signal)), \(action)"
    case .sleep(let time): return Duration.asked(time)
    case .waitChild(let pid): return "\(pid)"
    case .ring(let entries): return "\(entries)"
    case .futex(let address, let operation, let value):
      return "0x\(String(address, radix: 16)), \(EventText.futexOperation(operation)), \(value)"
    }
  }

  private func text(_ wait: Wait) -> String {
    let timeout = wait.timeout < 0 ? "-1" : Duration.asked(UInt64(wait.timeout))
    let shown = arena.waits(wait.entries).prefix(16).map { entry -> String in
      if wait.isEpoll { return "\(EventText.readiness(entry.returned)) data=0x\(String(entry.data, radix: 16))" }
      let got = entry.returned.isEmpty ? "" : "→\(EventText.readiness(entry.returned))"
      return "\(naming(entry.fd)):\(EventText.readiness(entry.asked))\(got)"
    }
    let more = Int(wait.entries.count) > shown.count ? ", … \(Int(wait.entries.count) - shown.count) more" : ""
    let set = "[\(shown.joined(separator: ", "))\(more)]"
    return wait.isEpoll ? "\(naming(wait.epoll)), \(set), \(timeout)" : "\(set), \(timeout)"
  }

  private func text(_ transfer: Transfer) -> String {
    let flags = transfer.peeks ? ", MSG_PEEK" : ""
    let passed =
      transfer.passed.isEmpty
      ? "" : ", SCM_RIGHTS [\(arena.numbers(transfer.passed).map { naming($0) }.joined(separator: ", "))]"
    guard transfer.direction == .output, !transfer.payload.isEmpty else {
      let unseen = transfer.direction == .output ? "…, " : ""
      return "\(naming(transfer.fd)), \(unseen)\(transfer.requested)\(flags)\(passed)"
    }
    let bytes = Array(arena.bytes(transfer.payload))
    let cut = UInt64(bytes.count) < transfer.requested ? "…" : ""
    return "\(naming(transfer.fd)), \(EventText.quoted(bytes))\(cut), \(transfer.requested)\(flags)\(passed)"
  }
}
