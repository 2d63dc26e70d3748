// What the page says of the call that a slice stands for: what is alike in kind, name, arguments, result and stack is an
// entry of a table, and each slice names its entry. Where not all of the texts have room those stay that somebody will
// want to read.

import Analysis

struct PageCalls {
  /// What a slice shows. Without a call only its kind and label are known.
  private struct Entry: Hashable {
    var kind: UInt8
    var label: Int32
    var call: Int32
  }

  /// What stays: first calls beside what findings rest on (tier 0), then those of the processes that findings are about.
  private struct Worth {
    var tier = 2
    var slices = 0
  }

  private static let margin: UInt64 = 5_000_000

  private let timeline: Timeline
  /// Places in `timeline.calls`, the worthiest first.
  private let ranked: [Int32]
  /// So many of those are beside what findings rest on.
  let least: Int
  var most: Int { ranked.count }

  init(_ timeline: Timeline, _ findings: [Finding]) {
    self.timeline = timeline
    var worth = Array(repeating: Worth(), count: timeline.calls.count)
    var moments: [Int32: [UInt64]] = [:]
    for evidence in findings.flatMap(\.evidence) { moments[evidence.tid, default: []].append(evidence.time) }
    let pids = Set(findings.flatMap { [$0.actor?.pid, $0.victim?.pid] }.compactMap { $0 })
    for lane in timeline.lanes {
      let tier = pids.contains(timeline.processes[lane.process].pid) ? 1 : 2
      let times = moments[lane.tid] ?? []
      for slice in lane.slices where slice.call >= 0 {
        let place = Int(slice.call)
        worth[place].slices += 1
        worth[place].tier = min(worth[place].tier, tier)
        if times.contains(where: { slice.start < $0 + Self.margin && slice.end + Self.margin > $0 }) {
          worth[place].tier = 0
        }
      }
    }
    ranked = timeline.calls.indices.filter { worth[$0].slices > 0 }.sorted {
      (worth[$0].tier, -worth[$0].slices, $0) < (worth[$1].tier, -worth[$1].slices, $1)
    }.map(Int32.init)
    least = worth.count { $0.tier == 0 && $0.slices > 0 }
  }

  /// The table with the first `count` of the calls, and for each slice, lane by lane, its entry. Entries that many slices
  /// have come first: small numbers take less room.
  func table(_ count: Int) -> (json: JSON, entries: [Int32]) {
    var isKept = Array(repeating: false, count: timeline.calls.count)
    for place in ranked.prefix(count) { isKept[Int(place)] = true }
    var known: [Entry: Int32] = [:]
    var entries: [(entry: Entry, slices: Int)] = []
    var ofSlices: [Int32] = []
    ofSlices.reserveCapacity(timeline.lanes.reduce(0) { $0 + $1.slices.count })
    for slice in timeline.lanes.lazy.flatMap(\.slices) {
      let call = slice.call >= 0 && isKept[Int(slice.call)] ? slice.call : -1
      let entry = Entry(kind: slice.kind.rawValue, label: slice.label, call: call)
      let place = known[entry] ?? Int32(entries.count)
      if place == entries.count {
        known[entry] = place
        entries.append((entry, 0))
      }
      entries[Int(place)].slices += 1
      ofSlices.append(place)
    }
    let order = entries.indices.sorted { (-entries[$0].slices, $0) < (-entries[$1].slices, $1) }
    var now = Array(repeating: Int32(0), count: entries.count)
    for (place, former) in order.enumerated() { now[former] = Int32(place) }
    return (json(order.map { entries[$0].entry }), ofSlices.map { now[Int($0)] })
  }

  /// `entries`: of each kind, label, text and stack (places in the lists of these, -1 for none), one after the other.
  private func json(_ entries: [Entry]) -> JSON {
    var texts = Places<String>()
    var stacks = Places<Int>()
    let numbers = entries.flatMap { entry -> [Int] in
      let call = entry.call >= 0 ? timeline.calls[Int(entry.call)] : nil
      let stack = call.map(\.stack.position).flatMap { timeline.stacks[$0]?.isEmpty == false ? $0 : nil }
      return [
        Int(entry.kind), Int(entry.label), call.map { texts.place(of: $0.text) } ?? -1,
        stack.map { stacks.place(of: $0) } ?? -1,
      ]
    }
    var frames = Places<String>()
    var frameOf: [JSON] = []
    let lists = stacks.values.map { stack in
      JSON.array(
        (timeline.stacks[stack] ?? []).map { frame in
          let json = JSONReport.frame(frame)
          let place = frames.place(of: json.text())
          if place == frameOf.count { frameOf.append(json) }
          return .integer(Int64(place))
        })
    }
    return .object([
      ("entries", .array(numbers.map { .integer(Int64($0)) })), ("texts", .array(texts.values.map { .string($0) })),
      ("stacks", .array(lists)), ("frames", .array(frameOf)),
    ])
  }
}

/// Values, each once, and where each is.
private struct Places<Value: Hashable> {
  private(set) var values: [Value] = []
  private var known: [Value: Int] = [:]

  mutating func place(of value: Value) -> Int {
    if let place = known[value] { return place }
    known[value] = values.count
    values.append(value)
    return values.count - 1
  }
}
