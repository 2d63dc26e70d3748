// What the tracer sees of a process. Reads and writes are stopped at for single numbers only (seccomp(2) filters, which
// a child inherits and exec keeps), so that what is not in the trace may have happened all the same.

import Trace

public struct Sight: Sendable {
  /// Numbers from here on are seen together or not at all.
  private static let mostNumbers: FD = 1 << 16
  /// Below, each number has its place; what is armed beyond are blocks, and of very many the latest.
  private static let mostPlaces: FD = 1 << 10
  private static let mostBlocks = 256

  public internal(set) var scope = Scope.all
  /// In scope light: since when waits are seen.
  public internal(set) var waitsSeenSince: Nanoseconds?
  /// Families that are seen on every number.
  private var everywhere: CallFamilies = []
  private var numbers: [CallFamilies] = []
  private var blocks: [(numbers: ClosedRange<FD>, calls: CallFamilies)] = []

  @usableFromInline init() {}

  /// What is seen of a number.
  @inlinable public func calls(on fd: FD) -> CallFamilies { scope == .all ? .everything : armed(fd) }

  /// Whether all calls of these families on the number are seen.
  @inlinable public func sees(_ calls: CallFamilies, on fd: FD) -> Bool { self.calls(on: fd).isSuperset(of: calls) }

  /// Whether the process may have waited at that time without being seen.
  public func mayHaveWaited(by time: Nanoseconds) -> Bool {
    scope == .light && waitsSeenSince.map { $0 > time } ?? true
  }

  /// Whether waits are seen.
  public var seesWaits: Bool { scope != .light || everywhere.contains(.waits) }

  @usableFromInline
  func armed(_ fd: FD) -> CallFamilies {
    if fd >= 0, Int(fd) < numbers.count { return everywhere.union(numbers[Int(fd)]) }
    if blocks.isEmpty { return everywhere }
    return blocks.reduce(everywhere) { $1.numbers.contains(fd) ? $0.union($1.calls) : $0 }
  }

  /// What is armed, as `arm` takes it.
  var ranges: [(calls: CallFamilies, first: FD, last: FD)] {
    var found: [(calls: CallFamilies, first: FD, last: FD)] = everywhere.isEmpty ? [] : [(everywhere, 0, .max)]
    for (place, calls) in numbers.enumerated() where !calls.isEmpty {
      if let last = found.last, last.calls == calls, last.last == FD(place) - 1 {
        found[found.count - 1].last = FD(place)
      } else {
        found.append((calls, FD(place), FD(place)))
      }
    }
    return found + blocks.map { ($0.calls, $0.numbers.lowerBound, $0.numbers.upperBound) }
  }

  mutating func arm(_ calls: CallFamilies, _ first: FD, _ last: FD) {
    guard first >= 0, first <= last else { return }
    if calls.contains(.waits) { everywhere.insert(.waits) }
    if first == 0, last >= Self.mostNumbers {
      everywhere.formUnion(calls)
      return
    }
    if last >= Self.mostPlaces, first < Self.mostNumbers {
      if blocks.count >= Self.mostBlocks { blocks.removeFirst() }
      blocks.append((max(first, Self.mostPlaces)...min(last, Self.mostNumbers - 1), calls))
    }
    let end = min(last, Self.mostPlaces - 1)
    guard first <= end else { return }
    while numbers.count <= Int(end) { numbers.append([]) }
    for fd in Int(first)...Int(end) { numbers[fd].formUnion(calls) }
  }
}

extension World {
  mutating func setScope(_ scope: Scope, of id: ThreadID) {
    guard let state = thread(id), sights[state.process.position]!.scope != scope else { return }
    sights[state.process.position]!.scope = scope
    guard scope == .light else { return }
    for descriptor in tables[state.table].open.map(\.descriptor) {
      let channel = files[Int(descriptor.file)].channel
      if channel >= 0 { reconsider(Int(channel)) }
    }
  }

  mutating func arm(_ calls: CallFamilies, _ first: FD, _ last: FD, of id: ThreadID) {
    guard let state = thread(id) else { return }
    if calls.contains(.waits) { sights[state.process.position]!.waitsSeenSince = now }
    sights[state.process.position]!.arm(calls, first, last)
    guard sight(of: id).scope == .light else { return }
    for (fd, descriptor) in tables[state.table].open where first <= fd && fd <= last {
      let channel = files[Int(descriptor.file)].channel
      if channel >= 0 { reconsider(Int(channel)) }
    }
  }

  /// Once all who have a channel are seen to use it, its account is right from then on.
  private mutating func reconsider(_ channel: Int) {
    var isUnread = false
    var isUnwritten = false
    for holder in holders(of: Int32(channel)) {
      let sight = sight(of: holder.process)
      if holder.side != .write, !sight.sees(.reads, on: holder.fd) { isUnread = true }
      if holder.side != .read, !sight.sees(.writes, on: holder.fd) { isUnwritten = true }
    }
    channels[channel].hasUnseenReads = isUnread
    channels[channel].hasUnseenWrites = isUnwritten
  }

  /// Standard numbers are armed late, if ever, and in scope light all are: what is done there before is not in the account.
  mutating func noteUnseen(_ file: Int32, at fd: FD, by thread: ThreadState) {
    let channel = Int(files[Int(file)].channel)
    guard channel >= 0, sights[thread.process.position]!.scope != .all else { return }
    let sight = sights[thread.process.position]!
    guard fd <= 2 || !sight.seesWaits else { return }
    let side = files[Int(file)].side
    if side != .write, !sight.sees(.reads, on: fd) { channels[channel].hasUnseenReads = true }
    if side != .read, !sight.sees(.writes, on: fd) { channels[channel].hasUnseenWrites = true }
  }

  /// What the tracer sees of the thread's process.
  public func sight(of id: ThreadID) -> Sight { processID(of: id).flatMap { sights[$0.position] } ?? Sight() }
}
