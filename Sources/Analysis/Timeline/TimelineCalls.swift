// The calls of a timeline's slices in strace's look: those that are alike in all but their times are told once, and made
// words of once.

import Lineage
import Trace

struct TimelineCalls: Sendable {
  /// What makes two calls alike. Of arguments a hash: two that differ have the same one once in 2^64.
  private struct Likeness: Hashable {
    var arguments: Int
    var result: Int64
    var stack: StackID
  }

  private static let mostCalls = 400_000
  private static let mostBytes = 24 << 20
  /// So many more where findings are.
  private static let mostWanted = 50_000
  private static let longest = 4_000

  private(set) var calls: [Timeline.Call] = []
  private var likeness: [Likeness] = []
  private var places: [Likeness: Int32] = [:]
  private var bytes = 0
  private var wanted = 0
  /// There were more than are kept.
  private(set) var leavesOut = false

  /// The call's place, or -1 if there is no room for it. `isWanted`: it is to be kept before others.
  mutating func place(
    of event: Event, _ syscall: Syscall, _ result: CallResult, _ operation: Operation, isWanted: Bool, arena: Arena,
    tables: TraceTables
  ) -> Int32 {
    var text: String?
    var hasher = Hasher()
    hasher.combine(syscall)
    switch operation {
    case .wait(let wait):
      hasher.combine(wait.epoll)
      hasher.combine(wait.timeout)
      for entry in arena.waits(wait.entries) { hasher.combine(entry) }
    case .transfer(let transfer) where transfer.passed.isEmpty:
      hasher.combine(transfer.fd)
      hasher.combine(transfer.requested)
      hasher.combine(transfer.flags)
      hasher.combine(transfer.messages)
      for byte in arena.bytes(transfer.payload) { hasher.combine(byte) }
    default:
      let words = EventText.single(event, arena: arena, tables: tables)
      hasher.combine(words.lastIndex(of: "=").map { words[..<$0] } ?? words[...])
      text = words
    }
    let isOpen = event.phase == .begin
    let known = Likeness(
      arguments: hasher.finalize(), result: isOpen ? .min : result.rawValue, stack: event.stack)
    if let place = places[known] { return place }
    let isFull = calls.count >= Self.mostCalls || bytes >= Self.mostBytes
    guard !isFull || isWanted && wanted < Self.mostWanted else {
      leavesOut = true
      return -1
    }
    if isFull { wanted += 1 }
    var words = text ?? EventText.single(event, arena: arena, tables: tables)
    if words.utf8.count > Self.longest { words = words.prefix(Self.longest) + "…" }
    bytes += words.utf8.count
    let place = Int32(calls.count)
    calls.append(Timeline.Call(text: words, stack: event.stack))
    likeness.append(known)
    places[known] = place
    return place
  }

  func stack(of slice: Timeline.Slice) -> StackID { slice.call >= 0 ? calls[Int(slice.call)].stack : .none }

  /// In what calls that lie in one slice differ.
  func differences(_ first: Timeline.Slice, _ second: Timeline.Slice) -> Timeline.Differences {
    var differences = first.differences.union(second.differences)
    if first.label != second.label { differences.insert(.calls) }
    guard first.call != second.call else { return differences }
    guard first.call >= 0, second.call >= 0 else { return differences.union([.arguments, .results]) }
    let (one, other) = (likeness[Int(first.call)], likeness[Int(second.call)])
    if one.arguments != other.arguments { differences.insert(.arguments) }
    if one.result != other.result { differences.insert(.results) }
    return differences
  }
}
