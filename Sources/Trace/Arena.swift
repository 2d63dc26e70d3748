// What events hold beyond their fixed size: wait sets, payload bytes, passed descriptors. They live in one arena per
// batch, so that an event stays a plain struct and nothing is allocated for each.

/// A stretch of one of an `Arena`'s arrays.
public struct ArenaRange: Hashable, Sendable {
  public var offset: UInt32
  public var count: UInt32

  @inlinable public init(offset: Int, count: Int) {
    self.offset = UInt32(truncatingIfNeeded: offset)
    self.count = UInt32(truncatingIfNeeded: count)
  }

  public static let empty = ArenaRange(offset: 0, count: 0)

  @inlinable public var indices: Range<Int> { Int(offset)..<(Int(offset) + Int(count)) }
  @inlinable public var isEmpty: Bool { count == 0 }
}

/// Poll bits as poll(2) and epoll_ctl(2) give them (the low 16 bits are the same); select's sets are translated to IN,
/// OUT and PRI.
public struct Readiness: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let input = Readiness(rawValue: 0x001)
  public static let priority = Readiness(rawValue: 0x002)
  public static let output = Readiness(rawValue: 0x004)
  public static let error = Readiness(rawValue: 0x008)
  public static let hangup = Readiness(rawValue: 0x010)
  public static let invalid = Readiness(rawValue: 0x020)
  public static let readHangup = Readiness(rawValue: 0x2000)
  public static let exclusive = Readiness(rawValue: 1 << 28)
  public static let wakeup = Readiness(rawValue: 1 << 29)
  public static let oneShot = Readiness(rawValue: 1 << 30)
  public static let edgeTriggered = Readiness(rawValue: 1 << 31)
}

/// One descriptor of a wait set.
public struct WaitEntry: Hashable, Sendable {
  /// The descriptor; -1 in what epoll_wait returned, where only `data` tells (see `World.resolve`).
  public var fd: FD
  /// What was asked for; empty in what epoll_wait returned.
  public var asked: Readiness
  /// What the kernel returned; empty where it returned nothing.
  public var returned: Readiness
  /// epoll_data of a returned event, else 0.
  public var data: UInt64

  @inlinable public init(fd: FD, asked: Readiness, returned: Readiness, data: UInt64 = 0) {
    self.fd = fd
    self.asked = asked
    self.returned = returned
    self.data = data
  }
}

/// The variable parts of a batch of events. `removeAll` keeps the storage.
public struct Arena: Sendable {
  public var waits: [WaitEntry] = []
  public var bytes: [UInt8] = []
  /// Passed descriptors (SCM_RIGHTS) and, for exec, the string ids of argv.
  public var numbers: [Int32] = []

  public init() {}

  @inlinable public mutating func removeAll() {
    waits.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
    numbers.removeAll(keepingCapacity: true)
  }

  @inlinable public func waits(_ range: ArenaRange) -> ArraySlice<WaitEntry> { waits[range.indices] }
  @inlinable public func bytes(_ range: ArenaRange) -> ArraySlice<UInt8> { bytes[range.indices] }
  @inlinable public func numbers(_ range: ArenaRange) -> ArraySlice<Int32> { numbers[range.indices] }

  @inlinable public mutating func add(waits entries: some Collection<WaitEntry>) -> ArenaRange {
    let offset = waits.count
    waits.append(contentsOf: entries)
    return ArenaRange(offset: offset, count: waits.count - offset)
  }

  @inlinable public mutating func add(bytes added: some Collection<UInt8>) -> ArenaRange {
    let offset = bytes.count
    bytes.append(contentsOf: added)
    return ArenaRange(offset: offset, count: bytes.count - offset)
  }

  @inlinable public mutating func add(numbers added: some Collection<Int32>) -> ArenaRange {
    let offset = numbers.count
    numbers.append(contentsOf: added)
    return ArenaRange(offset: offset, count: numbers.count - offset)
  }

  /// Copies the parts of `event` that live in `source` into this arena, and points the event at the copies.
  public mutating func adopt(_ event: inout Event, from source: borrowing Arena) {
    if case .existingThread(var thread) = event.body {
      thread.arguments = add(numbers: source.numbers(thread.arguments))
      event.body = .existingThread(thread)
    }
    guard case .call(let syscall, let result, var operation) = event.body else { return }
    switch operation {
    case .wait(var wait):
      wait.entries = add(waits: source.waits(wait.entries))
      operation = .wait(wait)
    case .transfer(var transfer):
      transfer.payload = add(bytes: source.bytes(transfer.payload))
      transfer.passed = add(numbers: source.numbers(transfer.passed))
      operation = .transfer(transfer)
    case .exec(var exec):
      exec.arguments = add(numbers: source.numbers(exec.arguments))
      operation = .exec(exec)
    default: return
    }
    event.body = .call(syscall, result, operation)
  }
}
