// Wait sets as strace writes them: what was asked, and behind the result what was returned.

import Trace

extension CallReader {
  mutating func wait(_ shape: CallShape, result: Int64, arena: inout Arena) -> Operation {
    switch shape {
    case .epollWait, .epollPwait2:
      let epoll = arguments.fd(0)
      let range = epollEvents(1, arena: &arena)
      let timeout: Int64
      if case .epollWait = shape {
        timeout = milliseconds(3)
      } else {
        timeout = arguments.time(arguments.argument(3)) ?? -1
      }
      return .wait(
        Wait(
          epoll: epoll, entries: range, timeout: timeout,
          capacity: UInt32(clamping: max(0, arguments.number(2)))))
    case .poll, .ppoll:
      var range = pollSet(arena: &arena)
      if result > 0, let returned = call.returned { range = pollResult(returned, range, arena: &arena) }
      let timeout: Int64
      if case .poll = shape {
        timeout = milliseconds(2)
      } else {
        timeout = arguments.time(arguments.argument(2)) ?? -1
      }
      return .wait(Wait(epoll: -1, entries: range, timeout: timeout))
    default:
      let range = selectSets(arena: &arena)
      if result > 0, let returned = call.returned { selectResult(returned, range, arena: &arena) }
      let unit: Int64
      if case .select = shape { unit = 1000 } else { unit = 1 }
      return .wait(
        Wait(epoll: -1, entries: range, timeout: arguments.time(arguments.argument(4), unit: unit) ?? -1))
    }
  }

  /// A timeout in ms, in ns; a call that has not told it yet waits for ever as far as anybody knows.
  private func milliseconds(_ place: Int) -> Int64 {
    var scanner = arguments.argument(place)
    // INFTIM, of old: -1.
    guard let timeout = scanner.number(), timeout >= 0, timeout <= Int64(Int32.max) else { return -1 }
    return timeout * 1_000_000
  }

  // MARK: poll

  /// `[{fd=3<pipe:[7]>, events=POLLIN}, ...]`; strace before 4.6 put revents there, too.
  private mutating func pollSet(arena: inout Arena) -> ArenaRange {
    let offset = arena.waits.count
    var scanner = arguments.argument(0)
    guard scanner.skip(0x5B) else { return ArenaRange(offset: offset, count: 0) }
    while arena.waits.count - offset < TraceFormat.longestWaitSet {
      if scanner.starts(with: "...") {
        arguments.isCut = true
        break
      }
      guard scanner.skip(0x7B) else { break }
      _ = scanner.skip("fd=")
      let fd = arguments.fd(&scanner)
      var entry = WaitEntry(fd: fd, asked: [], returned: [])
      if scanner.skip(", events=") { entry.asked = readiness(&scanner) }
      if scanner.skip(", revents=") { entry.returned = readiness(&scanner) }
      arena.waits.append(entry)
      skipPast(0x7D, &scanner)
      if scanner.skip(0x2C) { scanner.skipSpaces() }
    }
    return ArenaRange(offset: offset, count: arena.waits.count - offset)
  }

  func readiness(_ scanner: inout Scanner) -> Readiness {
    Readiness(rawValue: UInt32(truncatingIfNeeded: arguments.flags(&scanner)))
  }

  private func skipPast(_ byte: UInt8, _ scanner: inout Scanner) {
    while !scanner.isAtEnd, scanner.next != byte { scanner.at += 1 }
    scanner.at += 1
  }

  /// `[{fd=3, revents=POLLIN}], left {...}`, in the order of the set.
  private mutating func pollResult(_ returned: Range<Int>, _ set: ArenaRange, arena: inout Arena) -> ArenaRange {
    var scanner = Scanner(arguments.bytes, returned)
    guard scanner.skip(0x5B) else { return set }
    var place = Int(set.offset)
    let end = place + Int(set.count)
    while scanner.skip(0x7B) {
      _ = scanner.skip("fd=")
      var number = scanner
      guard let fd = number.number() else { break }
      while place < end, Int64(arena.waits[place].fd) != fd { place += 1 }
      // What a set that was cut leaves out.
      let hasRoom = arena.waits.count - Int(set.offset) < TraceFormat.longestWaitSet
      let isLeftOut = place == end && arguments.isCut && hasRoom
      guard place < end || isLeftOut else { break }
      if isLeftOut {
        _ = arguments.fd(&scanner)
      } else {
        _ = number.annotation()
        scanner = number
      }
      guard scanner.skip(", revents=") else { break }
      let events = readiness(&scanner)
      skipPast(0x7D, &scanner)
      if scanner.skip(0x2C) { scanner.skipSpaces() }
      if isLeftOut {
        arena.waits.append(WaitEntry(fd: FD(truncatingIfNeeded: fd), asked: events, returned: events))
      } else {
        arena.waits[place].returned = events
        place += 1
      }
    }
    return ArenaRange(offset: Int(set.offset), count: arena.waits.count - Int(set.offset))
  }

  // MARK: select

  private static let selectKinds: [Readiness] = [.input, .output, .priority]

  /// `[3 5], [4], NULL`.
  private mutating func selectSets(arena: inout Arena) -> ArenaRange {
    let offset = arena.waits.count
    for (place, kind) in Self.selectKinds.enumerated() {
      var scanner = arguments.argument(place + 1)
      guard scanner.skip(0x5B) else { continue }
      while scanner.next &- 0x30 < 10, !scanner.isAtEnd {
        let fd = arguments.fd(&scanner)
        if let known = arena.waits[offset...].firstIndex(where: { $0.fd == fd }) {
          arena.waits[known].asked.insert(kind)
        } else if arena.waits.count - offset < TraceFormat.longestWaitSet {
          arena.waits.append(WaitEntry(fd: fd, asked: kind, returned: []))
        }
        scanner.skipSpaces()
        if scanner.skip(0x2C) { scanner.skipSpaces() }
      }
      if scanner.starts(with: "...") { arguments.isCut = true }
    }
    return ArenaRange(offset: offset, count: arena.waits.count - offset)
  }

  /// `in [3], out [4], except [5], left {...}`.
  private func selectResult(_ returned: Range<Int>, _ set: ArenaRange, arena: inout Arena) {
    let whole = Scanner(arguments.bytes, returned)
    let names: [StaticString] = ["in [", "out [", "except ["]
    for (name, kind) in zip(names, Self.selectKinds) {
      guard let found = whole.find(name) else { continue }
      var scanner = whole
      scanner.at = found + name.utf8CodeUnitCount
      while let fd = scanner.number() {
        _ = scanner.annotation()
        if let place = set.indices.first(where: { Int64(arena.waits[$0].fd) == fd }) {
          arena.waits[place].returned.insert(kind)
        }
        scanner.skipSpaces()
        if scanner.skip(0x2C) { scanner.skipSpaces() }
      }
    }
  }

  // MARK: epoll

  /// `[{events=EPOLLIN, data={u32=7, u64=7}}]`, of old `{{EPOLLIN, {u32=7, u64=7}}}`.
  private mutating func epollEvents(_ place: Int, arena: inout Arena) -> ArenaRange {
    let offset = arena.waits.count
    var scanner = arguments.argument(place)
    guard scanner.skip(0x5B) || scanner.skip(0x7B) else { return ArenaRange(offset: offset, count: 0) }
    while arena.waits.count - offset < TraceFormat.longestWaitSet {
      if scanner.starts(with: "...") {
        arguments.isCut = true
        break
      }
      guard scanner.skip(0x7B) else { break }
      let (events, data) = epollEvent(&scanner)
      arena.waits.append(WaitEntry(fd: -1, asked: [], returned: events, data: data))
      if scanner.skip(0x2C) { scanner.skipSpaces() }
    }
    return ArenaRange(offset: offset, count: arena.waits.count - offset)
  }

  /// The inside of one struct epoll_event, and its closing brace.
  func epollEvent(_ scanner: inout Scanner) -> (Readiness, UInt64) {
    _ = scanner.skip("events=")
    let events = readiness(&scanner)
    var data: UInt64 = 0
    var depth = 1
    while !scanner.isAtEnd {
      switch scanner.next {
      case 0x7B: depth += 1
      case 0x7D:
        depth -= 1
        if depth == 0 {
          scanner.at += 1
          return (events, data)
        }
      case 0x75 where scanner.starts(with: "u64=") || scanner.starts(with: "u32="):
        // u64 comes last where both are told: it holds the other.
        scanner.at += 4
        data = UInt64(bitPattern: scanner.number() ?? 0)
        continue
      case 0x64 where scanner.starts(with: "data=") && scanner.peek(5) != 0x7B:
        scanner.at += 5
        data = UInt64(bitPattern: scanner.number() ?? 0)
        continue
      default: break
      }
      scanner.at += 1
    }
    return (events, data)
  }
}
