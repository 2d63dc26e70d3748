// What a call asked for, beside its descriptors, as columns.

import Analysis
import Lineage
import Trace

extension JSONLinesReport {
  mutating func call(_ operation: Operation, _ event: Event, _ arena: Arena) {
    switch operation {
    case .plain, .listen, .close, .setTimer, .signalReturn: break
    case .transfer(let transfer): self.transfer(transfer, arena)
    case .wait(let wait): self.wait(wait, event, arena)
    case .pipe(_, _, let flags, let inode):
      line.add(.flags, flags)
      if inode > 0 { line.add(.inode, inode) }
    case .create(let kind, let flags, let value, _):
      line.add(.flags, flags)
      if kind == .signalfd {
        line.add(.signals, EventText.signals(value))
      } else if kind == .pidfd {
        line.add(.target_pid, value)
      } else if kind == .eventfd || kind == .timerfd {
        line.add(.value, value)
      }
    case .socketPair(_, _, let domain, let type), .socket(let domain, let type):
      line.add(.op, EventText.domainName(domain))
      line.add(.flags, type)
    case .connect(_, let address), .bind(_, let address): line.add(.address, survey.tables.bytes(address))
    case .accept(_, let flags): line.add(.flags, flags)
    case .shutdown(_, let how): line.add(.op, how == 0 ? "SHUT_RD" : how == 1 ? "SHUT_WR" : "SHUT_RDWR")
    case .duplicate(_, _, let closeOnExec): line.add(.enabled, closeOnExec)
    case .setCloseOnExec(_, let on):
      line.add(.op, "FD_CLOEXEC")
      line.add(.enabled, on)
    case .setNonblocking(_, let on):
      line.add(.op, "O_NONBLOCK")
      line.add(.enabled, on)
    case .control(_, let command): line.add(.value, command)
    case .lock(_, let operation): line.add(.value, operation)
    case .closeRange(_, _, let flags): line.add(.flags, flags)
    case .open(let path, let flags, _, let inode):
      line.add(.path, survey.tables.bytes(path))
      line.add(.flags, flags)
      if inode > 0 { line.add(.inode, inode) }
    case .epollControl(_, let op, _, let events, let data):
      line.add(.op, op == 1 ? "EPOLL_CTL_ADD" : op == 2 ? "EPOLL_CTL_DEL" : "EPOLL_CTL_MOD")
      if op != 2 {
        readiness(.events, events)
        line.add(.data, hex: data)
      }
    case .move(_, _, let requested, let consumes):
      line.add(.bytes, requested)
      line.add(.enabled, consumes)
    default: processCall(operation, arena)
    }
  }

  private mutating func transfer(_ transfer: Transfer, _ arena: Arena) {
    line.add(.bytes, transfer.requested)
    if transfer.messages > 0 { line.add(.messages, transfer.messages) }
    if !transfer.payload.isEmpty { line.add(.payload, payload: arena.bytes(transfer.payload)) }
    if !transfer.passed.isEmpty { line.array(.passed, arena.numbers(transfer.passed)) { $0.number($1) } }
    line.add(.op, transfer.direction == .output ? "write" : "read")
    if transfer.flags != 0 { line.add(.flags, transfer.flags) }
  }

  // MARK: Waits

  private mutating func wait(_ wait: Wait, _ event: Event, _ arena: Arena) {
    line.add(.timeout_ns, wait.timeout)
    if wait.isEpoll { line.add(.capacity, wait.capacity) }
    if wait.entries.isEmpty { return }
    // What epoll returned the model has found out by epoll_data.
    let isResolved = wait.isEpoll && world.ready.count == Int(wait.entries.count)
    line.key(.waits)
    line.raw("[")
    for place in 0..<Int(wait.entries.count) {
      if place > 0 { line.raw(",") }
      let entry = arena.waits[Int(wait.entries.offset) + place]
      if isResolved {
        let ready = world.ready[place]
        one(object(ready), ready.asked, entry.returned)
      } else {
        one(object(entry.fd, event.thread), entry.asked, entry.returned)
      }
    }
    line.raw("]")
  }

  /// One descriptor of a wait: every key is there, so that all are of one type.
  private mutating func one(_ object: NamedObject, _ asked: Readiness, _ returned: Readiness) {
    line.raw("{\"fd\":")
    if object.fd >= 0 { line.number(object.fd) } else { line.raw("null") }
    line.raw(",\"asked\":")
    if asked.isEmpty { line.raw("null") } else { line.string(asked, EventText.readinessNames) }
    line.raw(",\"returned\":")
    if returned.isEmpty { line.raw("null") } else { line.string(returned, EventText.readinessNames) }
    line.raw(",\"kind\":")
    if let kind = object.kind {
      line.raw("\"")
      line.raw(Self.name(kind))
      line.raw("\"")
    } else {
      line.raw("null")
    }
    line.raw(",\"channel\":")
    if object.channel > 0 { line.number(object.channel) } else { line.raw("null") }
    line.raw(",\"open_file\":")
    if object.openFile > 0 { line.number(object.openFile) } else { line.raw("null") }
    line.raw("}")
  }

  mutating func readiness(_ column: EventColumn, _ events: Readiness) {
    line.key(column)
    line.string(events, EventText.readinessNames)
  }

  // MARK: Processes

  private mutating func processCall(_ operation: Operation, _ arena: Arena) {
    switch operation {
    case .takeDescriptor(_, let remote, let owner):
      line.add(.value, remote)
      if let owner = survey.tables.thread(owner) { line.add(.other_tid, owner.tid) }
    case .spawn(let flags, let child):
      line.add(.flags, flags)
      if let child = survey.tables.thread(child) {
        line.add(.child_pid, child.pid)
        line.add(.child_tid, child.tid)
      }
    case .unshare(let flags): line.add(.flags, flags)
    case .exec(let exec):
      line.add(.path, survey.tables.bytes(exec.path))
      argv(arena.numbers(exec.arguments).lazy.map { StringID(Int($0)) })
      if let caller = survey.tables.thread(exec.caller) { line.add(.other_tid, caller.tid) }
    case .exit(let status, _): line.add(.value, status)
    case .sendSignal(let target, let signal):
      line.add(.signal, signalName(signal))
      line.add(.target_pid, target)
    case .signalAction(let signal, let disposition):
      switch disposition.action {
      case .standard: line.add(.op, "SIG_DFL")
      case .ignore: line.add(.op, "SIG_IGN")
      case .handler:
        line.add(.pointer, hex: disposition.handler)
        line.add(.op, "handler")
      }
      line.add(.flags, disposition.flags)
      line.add(.signal, signalName(signal))
    case .sleep(let time): line.add(.timeout_ns, time)
    case .waitChild(let pid): line.add(.target_pid, pid)
    case .ring(let entries): line.add(.value, entries)
    case .futex(let address, let operation, let value):
      line.add(.pointer, hex: address)
      line.add(.op, EventText.futexOperation(operation))
      line.add(.value, value)
    default: break
    }
  }
}
