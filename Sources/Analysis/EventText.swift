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

  /// The line for one of the event's calls; `naming` writes its descriptors.
  public static func single(
    _ event: Event, arena: Arena, tables: TraceTables, naming: @escaping (FD) -> String = { "\($0)" }
  ) -> String {
    switch event.body {
    case .call(let syscall, let result, let operation):
      let call = CallText(operation, arena: arena, tables: tables, naming: naming)
      let text = "\(syscall.name)(\(call.arguments))"
      if event.phase == .begin || result.isPending { return "\(text) = ?" }
      return "\(text) = \(call.result(result))"
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
    case .blindSpot(let spot, let detail):
      return "--- blind spot: \(describe(spot)) \(harmless(tables.text(detail))) ---"
    case .name(let name): return "--- named \(quoted(tables.bytes(name))) ---"
    case .givenName(let whose, let name):
      return "--- \(whose == .thread ? "thread" : "process") \(quoted(tables.bytes(name))) ---"
    case .existingThread(let found):
      let words = arena.numbers(found.arguments).map { quoted(tables.bytes(StringID(Int($0)))) }
      return "+++ was there before the trace: [\(words.joined(separator: ", "))] +++"
    case .missing(let fd): return "--- fd \(fd) is closed ---"
    case .interest(let epoll, let fd, let events, let data):
      return "--- epoll \(epoll) watches fd \(fd) for \(readiness(events)), data=0x\(String(data, radix: 16)) ---"
    case .handlers(let caught, let ignored, _):
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
  static func flagText(_ flags: UInt32) -> String {
    var names: [String] = []
    if flags & 0o2000000 != 0 { names.append("O_CLOEXEC") }
    if flags & 0o4000 != 0 { names.append("O_NONBLOCK") }
    return names.joined(separator: "|")
  }

  /// clone(2)'s bits from the ninth on (include/uapi/linux/sched.h).
  private static let cloneNames = [
    "VM", "FS", "FILES", "SIGHAND", "PIDFD", "PTRACE", "VFORK", "PARENT", "THREAD", "NEWNS", "SYSVSEM", "SETTLS",
    "PARENT_SETTID", "CHILD_CLEARTID", "DETACHED", "UNTRACED", "CHILD_SETTID", "NEWCGROUP", "NEWUTS", "NEWIPC",
    "NEWUSER", "NEWPID", "NEWNET", "IO", "CLEAR_SIGHAND", "INTO_CGROUP",
  ]

  /// The flags of clone(2) and unshare(2), and the signal that tells of the child's end.
  static func cloneFlags(_ flags: UInt64) -> String {
    var names = cloneNames.indices.filter { flags >> (8 + $0) & 1 == 1 }.map { "CLONE_\(cloneNames[$0])" }
    // The bit that unshare(2) has where clone(2) has the signal.
    if flags & 0xFF == 0x80 {
      names.append("CLONE_NEWTIME")
    } else if flags & 0xFF != 0 {
      names.append(signalName(Int32(flags & 0xFF)))
    }
    return names.joined(separator: "|")
  }

  static func flagSuffix(_ flags: UInt32) -> String {
    let text = flagText(flags)
    return text.isEmpty ? "" : ", \(text)"
  }

  public static func domainName(_ domain: Int32) -> String {
    [1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK"][domain] ?? "\(domain)"
  }

  static func typeName(_ type: Int32) -> String {
    let base = [1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"][type & 0xF] ?? "\(type & 0xF)"
    let flags = flagText(UInt32(bitPattern: type) & 0o2004000).replacing("O_", with: "SOCK_")
    return flags.isEmpty ? base : "\(base)|\(flags)"
  }

  static func signalSet(_ mask: UInt64) -> String {
    "[" + signals(mask).joined(separator: " ") + "]"
  }

  /// The signals of a mask: bit N-1 for signal N.
  public static func signals(_ mask: UInt64) -> [String] {
    (1...64).filter { mask >> ($0 - 1) & 1 == 1 }.map { signalName(Int32($0)) }
  }

  /// Bytes as a C string literal: printable ASCII as it is, the rest escaped, so that no terminal obeys it.
  public static func quoted(_ bytes: some Collection<UInt8>) -> String {
    var text: [UInt8] = [0x22]
    text.reserveCapacity(bytes.count + 16)
    for byte in bytes {
      switch byte {
      case 0x22, 0x5C: text += [0x5C, byte]
      case 0x0A: text += [0x5C, 0x6E]
      case 0x0D: text += [0x5C, 0x72]
      case 0x09: text += [0x5C, 0x74]
      case 0x20..<0x7F: text.append(byte)
      default: text += [0x5C, 0x78, digit(byte >> 4), digit(byte & 15)]
      }
    }
    text.append(0x22)
    return String(decoding: text, as: UTF8.self)
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

  /// A text of the target's for one line of ours: what controls a terminal or the direction of text, or is not seen, is escaped.
  public static func harmless(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      if isHarmful(scalar) {
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  /// Controls of C0 and C1, bidi and zero-width characters, tags, line separators; and what has no meaning yet.
  public static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned: true
    default: false
    }
  }
}
