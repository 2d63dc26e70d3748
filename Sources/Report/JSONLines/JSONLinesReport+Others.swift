// Events that are no calls, and the words for what is one of few.

import Analysis
import Lineage
import Trace

extension JSONLinesReport {
  mutating func other(_ event: Event, _ arena: Arena) {
    let tables = survey.tables
    switch event.body {
    case .call: break
    case .start(let start):
      line.add(.flags, start.flags)
      if let parent = tables.thread(start.parent) {
        line.add(.parent_pid, parent.pid)
        line.add(.parent_tid, parent.tid)
      }
    case .end(let status):
      if status & 0x7F == 0 {
        line.add(.status, status >> 8 & 0xFF)
      } else {
        line.add(.signal, signalName(status & 0x7F))
      }
    case .signal(let delivery):
      line.add(.signal, signalName(delivery.number))
      line.add(.code, delivery.code)
      if delivery.sender > 0 { line.add(.sender_pid, delivery.sender) }
    case .handlerLeft(let signal): line.add(.signal, signalName(signal))
    case .usage(let running, let waiting):
      line.add(.running_ns, running)
      line.add(.waiting_ns, waiting)
    case .existing(let found): existing(found, event)
    case .blindSpot(let spot, let detail):
      line.add(.name, EventText.describe(spot))
      line.add(.detail, tables.bytes(detail))
    case .name(let name): line.add(.name, tables.bytes(name))
    case .givenName(let whose, let name):
      line.add(.op, whose == .thread ? "thread" : "process")
      line.add(.name, tables.bytes(name))
    case .existingThread(let found):
      line.add(.path, tables.bytes(found.path))
      argv(arena.numbers(found.arguments).lazy.map { StringID(Int($0)) })
      if let parent = tables.thread(found.parent) {
        line.add(.parent_pid, parent.pid)
        line.add(.parent_tid, parent.tid)
      }
      if let files = tables.thread(found.files) { line.add(.other_tid, files.tid) }
    case .missing(let fd): line.add(.fd, fd)
    case .interest(let epoll, let fd, let events, let data):
      add(
        NamedObjects(
          first: object(epoll, event.thread), second: object(fd, event.thread)))
      readiness(.events, events)
      line.add(.data, hex: data)
    case .handlers(let caught, let ignored, _):
      line.add(.signals, EventText.signals(caught))
      line.add(.ignored, EventText.signals(ignored))
    case .outsider(let outsider):
      line.add(.fd, outsider.fd)
      line.add(.kind, Self.name(outsider.kind))
      line.add(.flags, outsider.flags)
      line.add(.inode, outsider.inode)
      line.add(.target_pid, outsider.pid)
      line.add(.name, tables.bytes(outsider.name))
    case .lockedBy(let tid): line.add(.other_tid, tid)
    case .scope(let scope): line.add(.name, "\(scope)")
    case .armed(let calls, let first, let last):
      add(NamedObjects(first: NamedObject(first), second: NamedObject(last)))
      line.add(.op, EventText.families(calls))
    case .counter(let name, let value):
      line.add(.value, value)
      line.add(.name, tables.bytes(name))
    case .running(let module, let offset):
      if module != .empty { line.add(.path, tables.bytes(module)) }
      line.add(.pointer, hex: offset)
    case .stack(let stack, let isOfCall): told(stack, isOfCall: isOfCall)
    }
  }

  private mutating func existing(_ found: ExistingDescriptor, _ event: Event) {
    var objects = NamedObjects(first: object(found.fd, event.thread))
    if objects.first?.kind == nil { objects.first?.kind = found.kind }
    let other = found.sameIn == .unknown ? event.thread : found.sameIn
    if found.sameAs >= 0 { objects.second = object(found.sameAs, other) }
    add(objects)
    line.add(.bytes, found.waiting)
    line.add(.path, survey.tables.bytes(found.link))
    line.add(.flags, found.flags)
    if found.inode > 0 { line.add(.inode, found.inode) }
    if found.sameAs >= 0, let other = survey.tables.thread(other) { line.add(.other_tid, other.tid) }
  }

  static func type(_ body: Event.Body) -> StaticString {
    switch body {
    case .call: "call"
    case .start: "start"
    case .end: "end"
    case .signal: "signal"
    case .handlerLeft: "handler_left"
    case .usage: "usage"
    case .existing: "existing"
    case .blindSpot: "blind_spot"
    case .name: "name"
    case .givenName: "given_name"
    case .existingThread: "existing_thread"
    case .missing: "missing"
    case .interest: "interest"
    case .handlers: "handlers"
    case .outsider: "outsider"
    case .running: "running"
    case .lockedBy: "locked_by"
    case .scope: "scope"
    case .armed: "armed"
    case .stack: "stack"
    case .counter: "counter"
    }
  }

  static func name(_ kind: ObjectKind) -> StaticString {
    switch kind {
    case .file: "file"
    case .pipe: "pipe"
    case .fifo: "fifo"
    case .eventfd: "eventfd"
    case .socketpair: "socketpair"
    case .socket: "socket"
    case .epoll: "epoll"
    case .signalfd: "signalfd"
    case .timerfd: "timerfd"
    case .inotify: "inotify"
    case .pidfd: "pidfd"
    case .memfd: "memfd"
    case .tty: "tty"
    case .directory: "directory"
    case .device: "device"
    case .other: "other"
    case .unknown: "unknown"
    }
  }

  static func name(_ side: Side) -> StaticString {
    switch side {
    case .read: "read"
    case .write: "write"
    case .both: "both"
    case .first: "first"
    case .second: "second"
    }
  }
}
