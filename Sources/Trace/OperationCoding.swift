// How an Operation stands in the file: a tag, then its fields in the order of docs/trace-format.md.

enum OperationTag: UInt8 {
  case plain = 0
  case pipe, create, socketPair, socket, connect, bind, listen, accept, shutdown, duplicate, setCloseOnExec,
    setNonblocking, control, lock, close, closeRange, open, epollControl, wait, transfer, move, setTimer,
    takeDescriptor, spawn, unshare, exec, exit, sendSignal, signalAction, signalReturn, sleep, waitChild, ring, futex
}

extension ByteWriter {
  private mutating func tag(_ tag: OperationTag) { byte(tag.rawValue) }

  private mutating func flag(_ value: Bool) { byte(value ? 1 : 0) }

  mutating func operation(_ operation: Operation, arena: borrowing Arena) {
    switch operation {
    case .plain: tag(.plain)
    case .pipe(let read, let write, let flags, let inode):
      tag(.pipe)
      signed(read)
      signed(write)
      unsigned(flags)
      unsigned(inode)
    case .create(let kind, let flags, let value, let fd):
      tag(.create)
      byte(kind.rawValue)
      unsigned(flags)
      unsigned(value)
      signed(fd)
    case .socketPair(let first, let second, let domain, let type):
      tag(.socketPair)
      signed(first)
      signed(second)
      signed(domain)
      signed(type)
    case .socket(let domain, let type):
      tag(.socket)
      signed(domain)
      signed(type)
    case .connect(let fd, let address):
      tag(.connect)
      signed(fd)
      unsigned(address.index)
    case .bind(let fd, let address):
      tag(.bind)
      signed(fd)
      unsigned(address.index)
    case .listen(let fd):
      tag(.listen)
      signed(fd)
    case .accept(let fd, let flags):
      tag(.accept)
      signed(fd)
      unsigned(flags)
    case .shutdown(let fd, let how):
      tag(.shutdown)
      signed(fd)
      signed(how)
    case .duplicate(let from, let to, let closeOnExec):
      tag(.duplicate)
      signed(from)
      signed(to)
      flag(closeOnExec)
    case .setCloseOnExec(let fd, let on):
      tag(.setCloseOnExec)
      signed(fd)
      flag(on)
    case .setNonblocking(let fd, let on):
      tag(.setNonblocking)
      signed(fd)
      flag(on)
    case .control(let fd, let command):
      tag(.control)
      signed(fd)
      unsigned(command)
    case .lock(let fd, let operation):
      tag(.lock)
      signed(fd)
      signed(operation)
    case .close(let fd):
      tag(.close)
      signed(fd)
    case .closeRange(let first, let last, let flags):
      tag(.closeRange)
      unsigned(first)
      unsigned(last)
      unsigned(flags)
    case .open(let path, let flags, let kind, let inode):
      tag(.open)
      unsigned(path.index)
      unsigned(flags)
      byte(kind.rawValue)
      unsigned(inode)
    case .epollControl(let epoll, let op, let fd, let events, let data):
      tag(.epollControl)
      signed(epoll)
      signed(op)
      signed(fd)
      unsigned(events.rawValue)
      unsigned(data)
    case .wait(let wait):
      tag(.wait)
      signed(wait.epoll)
      signed(wait.timeout)
      if wait.isEpoll { unsigned(wait.capacity) }
      unsigned(wait.entries.count)
      for entry in arena.waits(wait.entries) {
        signed(entry.fd)
        unsigned(entry.asked.rawValue)
        unsigned(entry.returned.rawValue)
        if wait.isEpoll { unsigned(entry.data) }
      }
    case .transfer(let transfer):
      tag(.transfer)
      signed(transfer.fd)
      byte(transfer.direction.rawValue | (transfer.positioned ? 2 : 0) | (transfer.passed.isEmpty ? 0 : 4))
      unsigned(transfer.requested)
      unsigned(transfer.flags)
      unsigned(transfer.messages)
      if transfer.direction == .output { text(arena.bytes(transfer.payload)) }
      if !transfer.passed.isEmpty { numbers(arena.numbers(transfer.passed)) }
    case .move(let from, let to, let requested, let consumes):
      tag(.move)
      signed(from)
      signed(to)
      unsigned(requested)
      flag(consumes)
    case .setTimer(let fd):
      tag(.setTimer)
      signed(fd)
    case .takeDescriptor(let pidfd, let remote, let owner):
      tag(.takeDescriptor)
      signed(pidfd)
      signed(remote)
      unsigned(owner.index)
    case .spawn(let flags, let child):
      tag(.spawn)
      unsigned(flags)
      unsigned(child.index)
    case .unshare(let flags):
      tag(.unshare)
      unsigned(flags)
    case .exec(let exec):
      tag(.exec)
      unsigned(exec.path.index)
      unsigned(exec.caller.index)
      numbers(arena.numbers(exec.arguments))
    case .exit(let status, let group):
      tag(.exit)
      signed(status)
      flag(group)
    case .sendSignal(let target, let signal):
      tag(.sendSignal)
      signed(target)
      signed(signal)
    case .signalAction(let signal, let disposition):
      tag(.signalAction)
      signed(signal)
      byte(disposition.action.rawValue)
      unsigned(disposition.handler)
      unsigned(disposition.flags)
    case .signalReturn: tag(.signalReturn)
    case .sleep(let time):
      tag(.sleep)
      unsigned(time)
    case .waitChild(let pid):
      tag(.waitChild)
      signed(pid)
    case .ring(let entries):
      tag(.ring)
      unsigned(entries)
    case .futex(let address, let operation, let value):
      tag(.futex)
      unsigned(address)
      unsigned(operation)
      unsigned(value)
    }
  }

  mutating func numbers(_ numbers: ArraySlice<Int32>) {
    unsigned(UInt64(numbers.count))
    for number in numbers { signed(number) }
  }
}

extension ByteReader {
  private mutating func flag() throws(TraceError) -> Bool { try byte() != 0 }

  mutating func objectKind() throws(TraceError) -> ObjectKind {
    guard let kind = ObjectKind(rawValue: try byte()) else { throw .damaged("an unknown kind of object") }
    return kind
  }

  private mutating func string() throws(TraceError) -> StringID { StringID(Int(try unsigned32())) }

  private mutating func thread() throws(TraceError) -> ThreadID { ThreadID(Int(try unsigned32())) }

  mutating func numbers(into arena: inout Arena) throws(TraceError) -> ArenaRange {
    let count = try length()
    let offset = arena.numbers.count
    for _ in 0..<count { arena.numbers.append(try signed32()) }
    return ArenaRange(offset: offset, count: count)
  }

  mutating func operation(into arena: inout Arena) throws(TraceError) -> Operation {
    guard let tag = OperationTag(rawValue: try byte()) else { throw .damaged("an unknown operation") }
    switch tag {
    case .plain: return .plain
    case .pipe:
      return .pipe(read: try signed32(), write: try signed32(), flags: try unsigned32(), inode: try unsigned())
    case .create:
      return .create(try objectKind(), flags: try unsigned32(), value: try unsigned(), fd: try signed32())
    case .socketPair:
      return .socketPair(
        first: try signed32(), second: try signed32(), domain: try signed32(), type: try signed32())
    case .socket: return .socket(domain: try signed32(), type: try signed32())
    case .connect: return .connect(try signed32(), address: try string())
    case .bind: return .bind(try signed32(), address: try string())
    case .listen: return .listen(try signed32())
    case .accept: return .accept(try signed32(), flags: try unsigned32())
    case .shutdown: return .shutdown(try signed32(), how: try signed32())
    case .duplicate: return .duplicate(from: try signed32(), to: try signed32(), closeOnExec: try flag())
    case .setCloseOnExec: return .setCloseOnExec(try signed32(), try flag())
    case .setNonblocking: return .setNonblocking(try signed32(), try flag())
    case .control: return .control(try signed32(), command: try unsigned32())
    case .lock: return .lock(try signed32(), operation: try signed32())
    case .close: return .close(try signed32())
    case .closeRange:
      return .closeRange(first: try unsigned32(), last: try unsigned32(), flags: try unsigned32())
    case .open:
      return .open(path: try string(), flags: try unsigned32(), kind: try objectKind(), inode: try unsigned())
    case .epollControl:
      return .epollControl(
        epoll: try signed32(), op: try signed32(), fd: try signed32(), events: Readiness(rawValue: try unsigned32()),
        data: try unsigned())
    case .wait: return .wait(try wait(into: &arena))
    case .transfer: return .transfer(try transfer(into: &arena))
    case .move:
      return .move(from: try signed32(), to: try signed32(), requested: try unsigned(), consumes: try flag())
    case .setTimer: return .setTimer(try signed32())
    case .takeDescriptor:
      return .takeDescriptor(pidfd: try signed32(), remote: try signed32(), owner: try thread())
    case .spawn: return .spawn(flags: try unsigned(), child: try thread())
    case .unshare: return .unshare(flags: try unsigned())
    case .exec:
      let path = try string()
      let caller = try thread()
      return .exec(Exec(path: path, arguments: try numbers(into: &arena), caller: caller))
    case .exit: return .exit(status: try signed32(), group: try flag())
    case .sendSignal: return .sendSignal(target: try signed32(), signal: try signed32())
    case .signalAction:
      let signal = try signed32()
      guard let action = SignalDisposition.Action(rawValue: try byte()) else {
        throw .damaged("an unknown signal action")
      }
      return .signalAction(
        signal: signal, SignalDisposition(action: action, handler: try unsigned(), flags: try unsigned()))
    case .signalReturn: return .signalReturn
    case .sleep: return .sleep(try unsigned())
    case .waitChild: return .waitChild(pid: try signed32())
    case .ring: return .ring(entries: try unsigned32())
    case .futex: return .futex(address: try unsigned(), operation: try unsigned32(), value: try unsigned32())
    }
  }

  private mutating func wait(into arena: inout Arena) throws(TraceError) -> Wait {
    let epoll = try signed32()
    let timeout = try signed()
    let capacity = epoll >= 0 ? try unsigned32() : 0
    let count = try length(atLeast: 3)
    let offset = arena.waits.count
    for _ in 0..<count {
      let fd = try signed32()
      let asked = Readiness(rawValue: try unsigned32())
      let returned = Readiness(rawValue: try unsigned32())
      let data = epoll >= 0 ? try unsigned() : 0
      arena.waits.append(WaitEntry(fd: fd, asked: asked, returned: returned, data: data))
    }
    return Wait(
      epoll: epoll, entries: ArenaRange(offset: offset, count: count), timeout: timeout, capacity: capacity)
  }

  private mutating func transfer(into arena: inout Arena) throws(TraceError) -> Transfer {
    let fd = try signed32()
    let bits = try byte()
    let direction: Transfer.Direction = bits & 1 == 1 ? .output : .input
    var transfer = Transfer(
      fd: fd, direction: direction, requested: try unsigned(), flags: try unsigned32(), positioned: bits & 2 != 0)
    transfer.messages = try unsigned32()
    if direction == .output { transfer.payload = unsafe arena.add(bytes: try text()) }
    if bits & 4 != 0 { transfer.passed = try numbers(into: &arena) }
    return transfer
  }
}
