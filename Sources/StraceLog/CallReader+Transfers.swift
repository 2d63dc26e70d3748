// Reads, writes and messages as strace writes them: sizes, the first bytes of writes, and passed descriptors.

import Trace

extension CallReader {
  mutating func transfer(_ shape: CallShape, result: inout Int64, arena: inout Arena) -> Operation {
    let fd = arguments.fd(0)
    switch shape {
    case .transfer(let direction, let positioned):
      var transfer = Transfer(
        fd: fd, direction: direction, requested: arguments.count(2), positioned: positioned)
      if direction == .output, !positioned { transfer.payload = payload(1, arena: &arena) }
      return .transfer(transfer)
    case .send, .receive:
      let isOutput = if case .send = shape { true } else { false }
      var transfer = Transfer(
        fd: fd, direction: isOutput ? .output : .input, requested: arguments.count(2),
        flags: UInt32(truncatingIfNeeded: arguments.flags(3)))
      if isOutput { transfer.payload = payload(1, arena: &arena) }
      return .transfer(transfer)
    case .vector(let direction, let positioned):
      return .transfer(vector(fd, direction, positioned, arguments.argument(1), arena: &arena))
    case .vectorAt(let direction):
      return .transfer(vector(fd, direction, arguments.number(3) != -1, arguments.argument(1), arena: &arena))
    case .message(let direction):
      var transfer = message(fd, direction, arguments.argument(1), arena: &arena)
      transfer.flags = UInt32(truncatingIfNeeded: arguments.flags(2))
      transfer.passed = arena.add(numbers: rights(arguments.argument(1), isSent: direction == .output))
      return .transfer(transfer)
    case .messages(let direction): return .transfer(messages(fd, direction, result: &result, arena: &arena))
    default: return .plain
    }
  }

  private func payload(_ place: Int, arena: inout Arena) -> ArenaRange {
    var scanner = arguments.argument(place)
    return payload(&scanner, arena: &arena)
  }

  private func payload(_ scanner: inout Scanner, arena: inout Arena) -> ArenaRange {
    let offset = arena.bytes.count
    arguments.unescape(&scanner, limit: max(8, payloadLimit), into: &arena.bytes)
    return ArenaRange(offset: offset, count: arena.bytes.count - offset)
  }

  /// `[{iov_base="ab", iov_len=2}, ...]`, of old `[{"ab", 2}, ...]`.
  private func vector(
    _ fd: FD, _ direction: Transfer.Direction, _ positioned: Bool, _ text: Scanner, arena: inout Arena
  ) -> Transfer {
    var transfer = Transfer(fd: fd, direction: direction, requested: 0, positioned: positioned)
    var scanner = text
    guard scanner.skip(0x5B) else { return transfer }
    while scanner.skip(0x7B) {
      _ = scanner.skip("iov_base=")
      if direction == .output, !positioned, transfer.payload.isEmpty, scanner.next == 0x22 || scanner.next == 0x40 {
        transfer.payload = payload(&scanner, arena: &arena)
      } else if scanner.next == 0x22 {
        _ = scanner.skipString()
      } else {
        while !scanner.isAtEnd, scanner.next != 0x2C, scanner.next != 0x7D { scanner.at += 1 }
      }
      if scanner.skip(0x2C) { scanner.skipSpaces() }
      _ = scanner.skip("iov_len=")
      transfer.requested &+= UInt64(bitPattern: scanner.number() ?? 0)
      while !scanner.isAtEnd, scanner.next != 0x7D { scanner.at += 1 }
      scanner.at += 1
      if scanner.skip(0x2C) { scanner.skipSpaces() }
    }
    return transfer
  }

  /// The iovec of a struct msghdr: `msg_iov=[...]`, of old `msg_iov(1)=[...]`.
  private func message(
    _ fd: FD, _ direction: Transfer.Direction, _ text: Scanner, arena: inout Arena
  ) -> Transfer {
    var scanner = text
    if let place = scanner.find("msg_iov=") {
      scanner.at = place + 8
    } else if let place = scanner.find("msg_iov(") {
      scanner.at = place
      while !scanner.isAtEnd, scanner.next != 0x3D { scanner.at += 1 }
      scanner.at += 1
    } else {
      return Transfer(fd: fd, direction: direction, requested: 0)
    }
    return vector(fd, direction, false, scanner, arena: &arena)
  }

  /// The descriptors of a message: `cmsg_type=SCM_RIGHTS, cmsg_data=[5]`, of old `cmsg_type=SCM_RIGHTS, {5}`.
  private mutating func rights(_ text: Scanner, isSent: Bool) -> [Int32] {
    var numbers: [Int32] = []
    var scanner = text
    while let place = scanner.find("SCM_RIGHTS") {
      scanner.at = place + 10
      while !scanner.isAtEnd, scanner.next != 0x5B, scanner.next != 0x7B, scanner.next != 0x7D { scanner.at += 1 }
      guard scanner.skip(0x5B) || scanner.skip(0x7B) else { continue }
      while numbers.count < TraceFormat.longestNumberList {
        // A received one is new: what -y says of it is not looked up before.
        guard let number = isSent ? Int64(arguments.fd(&scanner)) : scanner.number() else { break }
        if !isSent {
          arguments.received.append(Mention(fd: FD(truncatingIfNeeded: number), annotation: scanner.annotation()))
        }
        guard number >= 0 else { break }
        numbers.append(Int32(truncatingIfNeeded: number))
        guard scanner.skip(0x2C) else { break }
        scanner.skipSpaces()
      }
    }
    return numbers
  }

  /// `[{msg_hdr={...}, msg_len=3}, ...]`: what each sent or received adds up to the result.
  private mutating func messages(
    _ fd: FD, _ direction: Transfer.Direction, result: inout Int64, arena: inout Arena
  ) -> Transfer {
    var whole = Transfer(
      fd: fd, direction: direction, requested: 0, flags: UInt32(truncatingIfNeeded: arguments.flags(3)))
    var numbers: [Int32] = []
    var total: Int64 = 0
    var count: UInt32 = 0
    var scanner = arguments.argument(1)
    while let place = scanner.find("msg_hdr=") {
      var part = scanner
      part.at = place + 8
      scanner.at = place + 8
      if let next = scanner.find("msg_hdr=") { part.end = next }
      let message = message(fd, direction, part, arena: &arena)
      whole.requested &+= message.requested
      if count == 0 { whole.payload = message.payload }
      if result < 0 || Int64(count) < result {
        numbers += rights(part, isSent: direction == .output) + [-1]
        if let length = part.find("msg_len=") {
          part.at = length + 8
          total &+= part.number() ?? 0
        }
      }
      count += 1
    }
    whole.messages = max(1, result > 0 ? UInt32(truncatingIfNeeded: result) : count)
    if numbers.contains(where: { $0 >= 0 }) {
      whole.passed = arena.add(numbers: numbers.prefix(TraceFormat.longestNumberList))
    }
    if result > 0 { result = total }
    return whole
  }
}
