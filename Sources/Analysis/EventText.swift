// Events in strace's look: `write(4, "A", 1) = 1`.

import Lineage
import Trace

public enum EventText {
  /// One line for the event, without time and thread.
  public static func line(_ event: Event, arena: Arena, tables: TraceTables) -> String {
    let one = single(event, arena: arena, tables: tables)
    return event.repeats > 1 ? "\(one) \(run(event))" : one
  }

  /// How long a run was: `... 1,234 times in 2.1 s`.
  public static func run(_ event: Event) -> String {
    let others = event.cycle > 1 ? ", in a cycle of \(event.cycle) calls" : ""
    let time = Duration.text(event.exited - min(event.exited, event.entered))
    return "... \(counted(UInt64(event.repeats), "time")) in \(time)\(others)"
  }

  /// The line for one of the event's calls.
  public static func single(_ event: Event, arena: Arena, tables: TraceTables) -> String {
    switch event.body {
    case .call(let syscall, let result, let operation):
      let call = "\(syscall.name)(\(arguments(operation, arena: arena, tables: tables)))"
      if event.phase == .begin || result.isPending { return "\(call) = ?" }
      return "\(call) = \(self.result(result, operation))"
    case .start(let start): return start.isThread ? "+++ thread started +++" : "+++ process started +++"
    case .end(let status): return "+++ \(ending(status)) +++"
    case .signal(let delivery):
      let sender = delivery.sender > 0 ? " from pid \(delivery.sender)" : ""
      return "--- \(signalName(delivery.number))\(sender) ---"
    case .handlerLeft(let signal): return "--- handler of \(signalName(signal)) left by longjmp ---"
    case .usage(let running, let waiting):
      return "--- cpu \(Duration.text(running)), runnable \(Duration.text(waiting)) ---"
    case .existing(let found):
      return "--- fd \(found.fd) is \(harmless(tables.text(found.link))) ---"
    case .blindSpot(let spot, let detail): return "--- blind spot: \(describe(spot)) \(harmless(tables.text(detail))) ---"
    case .name(let name): return "--- named \(quoted(tables.bytes(name))) ---"
    case .givenName(let whose, let name):
      return "--- \(whose == .thread ? "thread" : "process") \(quoted(tables.bytes(name))) ---"
    case .existingThread(let found):
      let words = arena.numbers(found.arguments).map { quoted(tables.bytes(StringID(Int($0)))) }
      return "+++ was there before the trace: [\(words.joined(separator: ", "))] +++"
    case .missing(let fd): return "--- fd \(fd) is closed ---"
    case .interest(let epoll, let fd, let events, let data):
      return "--- epoll \(epoll) watches fd \(fd) for \(readiness(events)), data=0x\(String(data, radix: 16)) ---"
    case .handlers(let caught, let ignored):
      return "--- signals caught \(signalSet(caught)), ignored \(signalSet(ignored)) ---"
    case .outsider(let outsider):
      return
        "--- \(harmless(tables.text(outsider.name))) (pid \(outsider.pid)), not traced, has \(ObjectWords.noun(outsider.kind)) \(outsider.inode) as fd \(outsider.fd) ---"
    case .lockedBy(let tid): return "--- waits for a lock that thread \(tid) holds ---"
    case .scope(let scope): return "--- traced in scope \(scope) ---"
    case .armed(let calls, let first, let last):
      let range = last == first ? "" : last < 1 << 20 ? " to \(last)" : " and above"
      return "--- stops at \(families(calls)) of fd \(first)\(range) ---"
    case .stack(let stack, let isOfCall): return "--- stack \(stack.index)\(isOfCall ? "" : ", running") ---"
    case .counter(let name, let value): return "--- \(harmless(tables.text(name))): \(grouped(value)) ---"
    case .running(let module, let offset):
      let file = tables.text(module)
      return "--- runs at \(file.isEmpty ? "" : harmless(file) + "+")0x\(String(offset, radix: 16)) ---"
    }
  }

  /// A call and what it is on, as timelines name it: `poll on fd 3 (pipe) and 2 more`.
  public static func place(
    _ event: Event, _ syscall: Syscall, _ operation: Operation, arena: Arena, world: World
  ) -> String {
    words(ActivityMeter.place(event, syscall, operation, arena: arena, world: world))
  }

  public static func words(_ place: CallPlace) -> String { ActivityMeter.words(place) }

  /// How a process ended, from wait's status.
  public static func ending(_ status: Int32) -> String {
    if status & 0x7F == 0 { return "exited with \(status >> 8 & 0xFF)" }
    return "killed by \(signalName(status & 0x7F))"
  }

  public static func describe(_ spot: BlindSpot) -> String {
    switch spot {
    case .ioUring: "io_uring"
    case .untraced: "CLONE_UNTRACED child"
    case .otherABI: "calls of another ABI"
    case .ptrace: "ptrace"
    case .ownFilter: "seccomp filter"
    case .unprivileged: "privilege"
    case .memory: "memory"
    case .slow: "slow"
    case .python: "Python"
    case .unwinder: "stacks"
    case .log: "the log"
    }
  }

  private static func result(_ result: CallResult, _ operation: Operation) -> String {
    if result.failed { return "-1 \(errnoName(result.errno))" }
    if case .transfer(let transfer) = operation, transfer.messages > 0 {
      return "\(transfer.messages) (\(result.rawValue) bytes)"
    }
    if case .wait = operation, result.rawValue == 0 { return "0 (Timeout)" }
    return "\(result.rawValue)"
  }

  private static func arguments(_ operation: Operation, arena: Arena, tables: TraceTables) -> String {
    switch operation {
    case .plain, .signalReturn: return ""
    case .pipe(let read, let write, let flags, _): return "[\(read), \(write)]\(flagSuffix(flags))"
    case .create(let kind, let flags, let value, let fd):
      switch kind {
      case .eventfd: return "\(value)\(flagSuffix(flags))"
      case .signalfd: return "\(fd), \(signalSet(value))\(flagSuffix(flags))"
      case .pidfd: return "\(value)\(flagSuffix(flags))"
      default: return flagText(flags)
      }
    case .socketPair(let first, let second, let domain, let type):
      return "\(domainName(domain)), \(typeName(type)), [\(first), \(second)]"
    case .socket(let domain, let type): return "\(domainName(domain)), \(typeName(type))"
    case .connect(let fd, let address), .bind(let fd, let address):
      return "\(fd), \(quoted(tables.bytes(address)))"
    case .listen(let fd), .close(let fd), .setTimer(let fd): return "\(fd)"
    case .accept(let fd, let flags): return "\(fd)\(flagSuffix(flags))"
    case .shutdown(let fd, let how):
      return
        "\(fd), \(["SHUT_RD", "SHUT_WR", "SHUT_RDWR"].indices.contains(Int(how)) ? ["SHUT_RD", "SHUT_WR", "SHUT_RDWR"][Int(how)] : "\(how)")"
    case .duplicate(let from, let to, let closeOnExec):
      return "\(from)\(to >= 0 ? ", \(to)" : "")\(closeOnExec ? ", O_CLOEXEC" : "")"
    case .setCloseOnExec(let fd, let on): return "\(fd), F_SETFD, \(on ? "FD_CLOEXEC" : "0")"
    case .setNonblocking(let fd, let on): return "\(fd), F_SETFL, \(on ? "O_NONBLOCK" : "0")"
    case .control(let fd, let command): return "\(fd), \(command)"
    case .lock(let fd, let operation): return "\(fd), \(operation)"
    case .closeRange(let first, let last, let flags): return "\(first), \(last), \(flags)"
    case .open(let path, let flags, _, _):
      let access = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR"][Int(flags & 3)]
      return
        "\(quoted(tables.bytes(path))), \(access)\(flagText(flags).isEmpty ? "" : "|" + flagText(flags))"
    case .epollControl(let epoll, let op, let fd, let events, _):
      let name = op == 1 ? "EPOLL_CTL_ADD" : op == 2 ? "EPOLL_CTL_DEL" : "EPOLL_CTL_MOD"
      return op == 2 ? "\(epoll), \(name), \(fd)" : "\(epoll), \(name), \(fd), \(readiness(events))"
    case .wait(let wait): return self.wait(wait, arena: arena)
    case .transfer(let transfer): return self.transfer(transfer, arena: arena)
    case .move(let from, let to, let requested, _): return "\(from), \(to), \(requested)"
    case .takeDescriptor(let pidfd, let remote, _): return "\(pidfd), \(remote)"
    case .spawn(let flags, _): return flags == 0 ? "" : "0x\(String(flags, radix: 16))"
    case .unshare(let flags): return "0x\(String(flags, radix: 16))"
    case .exec(let exec):
      let words = arena.numbers(exec.arguments).map { quoted(tables.bytes(StringID(Int($0)))) }
      return "\(quoted(tables.bytes(exec.path))), [\(words.joined(separator: ", "))]"
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
    case .sleep(let time): return Duration.text(time)
    case .waitChild(let pid): return "\(pid)"
    case .ring(let entries): return "\(entries)"
    case .futex(let address, let operation, let value):
      return "0x\(String(address, radix: 16)), \(futexOperation(operation)), \(value)"
    }
  }

  /// futex(2)'s operations, without their flags.
  public static func futexOperation(_ operation: UInt32) -> String {
    let names = [
      "FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_FD", "FUTEX_REQUEUE", "FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP", "FUTEX_LOCK_PI",
      "FUTEX_UNLOCK_PI", "FUTEX_TRYLOCK_PI", "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET", "FUTEX_WAIT_REQUEUE_PI",
      "FUTEX_CMP_REQUEUE_PI", "FUTEX_LOCK_PI2",
    ]
    let command = Int(operation & 0x7F)
    return command < names.count ? names[command] : "\(command)"
  }

  private static func wait(_ wait: Wait, arena: Arena) -> String {
    let timeout = wait.timeout < 0 ? "-1" : Duration.text(UInt64(wait.timeout))
    let shown = arena.waits(wait.entries).prefix(16).map { entry -> String in
      if wait.isEpoll { return "\(readiness(entry.returned)) data=0x\(String(entry.data, radix: 16))" }
      let got = entry.returned.isEmpty ? "" : "→\(readiness(entry.returned))"
      return "\(entry.fd):\(readiness(entry.asked))\(got)"
    }
    let more = Int(wait.entries.count) > shown.count ? ", … \(Int(wait.entries.count) - shown.count) more" : ""
    let set = "[\(shown.joined(separator: ", "))\(more)]"
    return wait.isEpoll ? "\(wait.epoll), \(set), \(timeout)" : "\(set), \(timeout)"
  }

  private static func transfer(_ transfer: Transfer, arena: Arena) -> String {
    let flags = transfer.peeks ? ", MSG_PEEK" : ""
    let passed =
      transfer.passed.isEmpty
      ? "" : ", SCM_RIGHTS [\(arena.numbers(transfer.passed).map { "\($0)" }.joined(separator: ", "))]"
    guard transfer.direction == .output, !transfer.payload.isEmpty else {
      return "\(transfer.fd), \(transfer.direction == .output ? "…, " : "")\(transfer.requested)\(flags)\(passed)"
    }
    let bytes = Array(arena.bytes(transfer.payload))
    let cut = UInt64(bytes.count) < transfer.requested ? "…" : ""
    return "\(transfer.fd), \(quoted(bytes))\(cut), \(transfer.requested)\(flags)\(passed)"
  }

  public static func families(_ calls: CallFamilies) -> String {
    let names: [(CallFamilies, String)] = [
      (.reads, "reads"), (.writes, "writes"), (.closes, "closes"), (.messages, "messages"), (.waits, "waits"),
    ]
    return names.filter { calls.contains($0.0) }.map(\.1).joined(separator: ", ")
  }

  /// The names of poll(2)'s and epoll_ctl(2)'s bits, without POLL and EPOLL before them.
  public static let readinessNames: [(Readiness, String)] = [
    (.input, "IN"), (.priority, "PRI"), (.output, "OUT"), (.error, "ERR"), (.hangup, "HUP"), (.invalid, "NVAL"),
    (.readHangup, "RDHUP"), (.edgeTriggered, "ET"), (.oneShot, "ONESHOT"), (.exclusive, "EXCLUSIVE"),
  ]

  public static func readiness(_ events: Readiness) -> String {
    let names = readinessNames.filter { events.contains($0.0) }.map(\.1)
    return names.isEmpty ? "0" : names.joined(separator: "|")
  }

  /// O_CLOEXEC and O_NONBLOCK: the flags that lineage turns on.
  private static func flagText(_ flags: UInt32) -> String {
    var names: [String] = []
    if flags & 0o2000000 != 0 { names.append("O_CLOEXEC") }
    if flags & 0o4000 != 0 { names.append("O_NONBLOCK") }
    return names.joined(separator: "|")
  }

  private static func flagSuffix(_ flags: UInt32) -> String {
    let text = flagText(flags)
    return text.isEmpty ? "" : ", \(text)"
  }

  public static func domainName(_ domain: Int32) -> String {
    [1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK"][domain] ?? "\(domain)"
  }

  private static func typeName(_ type: Int32) -> String {
    let base = [1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"][type & 0xF] ?? "\(type & 0xF)"
    let flags = flagText(UInt32(bitPattern: type) & 0o2004000).replacing("O_", with: "SOCK_")
    return flags.isEmpty ? base : "\(base)|\(flags)"
  }

  private static func signalSet(_ mask: UInt64) -> String {
    "[" + signals(mask).joined(separator: " ") + "]"
  }

  /// The signals of a mask: bit N-1 for signal N.
  public static func signals(_ mask: UInt64) -> [String] {
    (1...64).filter { mask >> ($0 - 1) & 1 == 1 }.map { signalName(Int32($0)) }
  }

  /// Bytes as a C string literal: printable ASCII as it is, the rest escaped, so that no terminal obeys it.
  public static func quoted(_ bytes: [UInt8]) -> String {
    var text = "\""
    for byte in bytes {
      switch byte {
      case 0x22: text += "\\\""
      case 0x5C: text += "\\\\"
      case 0x0A: text += "\\n"
      case 0x0D: text += "\\r"
      case 0x09: text += "\\t"
      case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16)
        text += "\\x" + (digits.count == 1 ? "0" + digits : digits)
      }
    }
    return text + "\""
  }

  /// A text of the target's for one line of ours: control characters and bidi controls escaped.
  public static func harmless(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      let isBidi =
        (0x200E...0x200F).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value)
        || (0x2066...0x2069).contains(scalar.value) || scalar.value == 0x061C
      if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || isBidi || scalar.value == 0xFEFF {
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }
}
