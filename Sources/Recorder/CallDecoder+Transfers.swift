// Reads, writes and messages: sizes, the first bytes of channel writes, and passed descriptors.

import Lineage
import Ptrace
import Trace

extension CallDecoder {
  func transfer(_ call: PendingCall, arena: inout Arena) -> Operation {
    let number = fd(call, 0)
    switch call.shape {
    case .transfer(let direction, let positioned):
      var transfer = Transfer(
        fd: number, direction: direction, requested: call.argument(2), positioned: positioned)
      if direction == .output, !positioned {
        transfer.payload = payload(call.argument(1), call.argument(2), arena: &arena)
      }
      return .transfer(transfer)
    case .send:
      var transfer = Transfer(
        fd: number, direction: .output, requested: call.argument(2), flags: UInt32(truncatingIfNeeded: call.argument(3))
      )
      transfer.payload = payload(call.argument(1), call.argument(2), arena: &arena)
      return .transfer(transfer)
    case .receive:
      return .transfer(
        Transfer(
          fd: number, direction: .input, requested: call.argument(2),
          flags: UInt32(truncatingIfNeeded: call.argument(3))))
    case .vector(let direction, let positioned):
      return .transfer(
        vector(number, direction, positioned, call.argument(1), call.argument(2), arena: &arena))
    case .vectorAt(let direction):
      let positioned = Int64(bitPattern: call.argument(3)) != -1
      return .transfer(
        vector(number, direction, positioned, call.argument(1), call.argument(2), arena: &arena))
    case .message(let direction):
      var transfer = message(number, direction, at: call.argument(1), arena: &arena)
      transfer.flags = UInt32(truncatingIfNeeded: call.argument(2))
      if direction == .output { transfer.passed = arena.add(numbers: rights(at: call.argument(1))) }
      return .transfer(transfer)
    case .messages(let direction):
      // struct mmsghdr: a msghdr of 56 bytes, then the length; 64 in all.
      var whole = Transfer(
        fd: number, direction: direction, requested: 0, flags: UInt32(truncatingIfNeeded: call.argument(3)))
      let count = min(call.argument(2), 1024)
      var numbers: [Int32] = []
      for place in 0..<count {
        let part = message(number, direction, at: call.argument(1) &+ place &* 64, arena: &arena)
        whole.requested &+= part.requested
        if place == 0 { whole.payload = part.payload }
        if direction == .output { numbers += rights(at: call.argument(1) &+ place &* 64) + [-1] }
      }
      if numbers.allSatisfy({ $0 < 0 }) { numbers = [] }
      whole.messages = UInt32(truncatingIfNeeded: count)
      whole.passed = arena.add(numbers: numbers.prefix(TraceFormat.longestNumberList))
      return .transfer(whole)
    default: return .plain
    }
  }

  private func payload(_ address: UInt64, _ size: UInt64, arena: inout Arena) -> ArenaRange {
    memory.withBytes(address, count: Int(min(size, UInt64(payloadLimit)))) { arena.add(bytes: $0) }
  }

  private func vector(
    _ fd: FD, _ direction: Transfer.Direction, _ positioned: Bool, _ address: UInt64, _ count: UInt64,
    arena: inout Arena
  ) -> Transfer {
    var transfer = Transfer(fd: fd, direction: direction, requested: 0, positioned: positioned)
    var parts: [UInt8] = []
    let got = memory.read(address, count: Int(min(count, 1024)) * 16, into: &parts) / 16
    for place in 0..<got {
      // struct iovec: base, length.
      let (base, length) = parts.withUnsafeBytes {
        (
          $0.loadUnaligned(fromByteOffset: place * 16, as: UInt64.self),
          $0.loadUnaligned(fromByteOffset: place * 16 + 8, as: UInt64.self)
        )
      }
      transfer.requested &+= length
      // Of a vector only the first part that holds anything is kept.
      if direction == .output, !positioned, transfer.payload.isEmpty, length > 0 {
        transfer.payload = payload(base, length, arena: &arena)
      }
    }
    return transfer
  }

  /// struct msghdr: name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40, flags 48.
  private func message(
    _ fd: FD, _ direction: Transfer.Direction, at address: UInt64, arena: inout Arena
  ) -> Transfer {
    vector(
      fd, direction, false, memory.load(address &+ 16, as: UInt64.self) ?? 0,
      memory.load(address &+ 24, as: UInt64.self) ?? 0, arena: &arena)
  }

  /// The descriptors of a message's SCM_RIGHTS (unix(7)); what was cut off (MSG_CTRUNC) is not there.
  func rights(at address: UInt64) -> [Int32] {
    guard let control = memory.load(address &+ 32, as: UInt64.self),
      let length = memory.load(address &+ 40, as: UInt64.self), length >= 16
    else { return [] }
    var bytes: [UInt8] = []
    let got = memory.read(control, count: Int(min(length, 8192)), into: &bytes)
    var numbers: [Int32] = []
    var offset = 0
    bytes.withUnsafeBytes { bytes in
      while offset + 16 <= got {
        // struct cmsghdr: size_t len, int level, int type; aligned to 8.
        let size = Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        guard size >= 16, size <= got - offset else { return }
        let level = bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int32.self)
        let type = bytes.loadUnaligned(fromByteOffset: offset + 12, as: Int32.self)
        if level == 1, type == 1 {
          for place in 0..<(size - 16) / 4 {
            numbers.append(bytes.loadUnaligned(fromByteOffset: offset + 16 + place * 4, as: Int32.self))
          }
        }
        offset += (size + 7) & ~7
      }
    }
    return Array(numbers.prefix(TraceFormat.longestNumberList))
  }

  /// Fills in what a transfer returned; the result of the mmsg calls becomes bytes.
  func returned(
    _ transfer: Transfer, _ call: PendingCall, result: inout Int64, arena: inout Arena
  ) -> Transfer {
    var transfer = transfer
    switch call.shape {
    case .message(.input) where result >= 0:
      transfer.passed = arena.add(numbers: rights(at: call.argument(1)))
    case .messages(let direction) where result >= 0:
      transfer.messages = UInt32(truncatingIfNeeded: result)
      var bytes: Int64 = 0
      var numbers: [Int32] = []
      for place in 0..<UInt64(min(result, 1024)) {
        let message = call.argument(1) &+ place &* 64
        bytes += Int64(memory.load(message &+ 56, as: UInt32.self) ?? 0)
        if direction == .input { numbers += rights(at: message) + [-1] }
      }
      if direction == .input, numbers.contains(where: { $0 >= 0 }) {
        transfer.passed = arena.add(numbers: numbers.prefix(TraceFormat.longestNumberList))
      }
      result = bytes
    default: break
    }
    return transfer
  }
}
