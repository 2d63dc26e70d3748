// The slices of all lanes in one array: a lane's follow each other by number, so that a slice more costs no allocation, and a lane
// without one costs nothing.

import Trace

struct TimelineSlices {
  private struct Link {
    var slice: Timeline.Slice
    /// The place of the lane's next slice; -1 for none.
    var next: Int32
  }

  /// Where a lane's slices begin and end; -1 for none.
  struct Ends {
    var first: Int32 = -1
    var last: Int32 = -1
  }

  private var links: ContiguousArray<Link> = []
  /// By lane.
  private var ends: ContiguousArray<Ends> = []

  var count: Int { links.count }

  mutating func addLane() { ends.append(Ends()) }

  /// Adds to the lane's last slice, if that is of the kind and label and ends no more than `gap` before; else a new one.
  mutating func add(_ slice: Timeline.Slice, to lane: Int, within gap: Nanoseconds, _ calls: TimelineCalls) {
    let last = Int(ends[lane].last)
    if last >= 0, links[last].slice.kind == slice.kind, links[last].slice.label == slice.label,
      slice.start <= links[last].slice.end + gap
    {
      links[last].slice.end = max(links[last].slice.end, slice.end)
      links[last].slice.count += slice.count
      links[last].slice.differences = calls.differences(links[last].slice, slice)
      return
    }
    append(slice, to: lane)
  }

  /// When the lane's last slice ends; 0 if it has none.
  func end(of lane: Int) -> Nanoseconds { ends[lane].last >= 0 ? links[Int(ends[lane].last)].slice.end : 0 }

  private mutating func append(_ slice: Timeline.Slice, to lane: Int) {
    let place = Int32(links.count)
    links.append(Link(slice: slice, next: -1))
    if ends[lane].last >= 0 {
      links[Int(ends[lane].last)].next = place
    } else {
      ends[lane].first = place
    }
    ends[lane].last = place
  }

  func slices(of lane: Int) -> [Timeline.Slice] {
    var slices: [Timeline.Slice] = []
    var place = ends[lane].first
    while place >= 0 {
      slices.append(links[Int(place)].slice)
      place = links[Int(place)].next
    }
    return slices
  }

  /// Merges neighbours of one kind, whatever their labels, that are no more than `gap` apart; but not what lies in a window of `detail`.
  mutating func merge(within gap: Nanoseconds, besides detail: TimelineDetail, _ calls: TimelineCalls) {
    func isSpared(_ slice: Timeline.Slice) -> Bool { detail.isWindow(slice.start, slice.end) }
    rebuild(lanes: Array(ends.indices)) { last, slice in
      guard last.kind == slice.kind, slice.start <= last.end + gap, !isSpared(last), !isSpared(slice) else {
        return false
      }
      last.end = max(last.end, slice.end)
      last.count += slice.count
      last.differences = calls.differences(last, slice)
      return true
    }
  }

  /// Keeps these lanes only, which become lanes 0, 1 and so on.
  mutating func keep(lanes: [Int]) { rebuild(lanes: lanes) { _, _ in false } }

  /// `join`: takes a slice into the one before it, or says that it stands alone.
  private mutating func rebuild(lanes: [Int], _ join: (inout Timeline.Slice, Timeline.Slice) -> Bool) {
    let former = self
    links.removeAll()
    ends = ContiguousArray(repeating: Ends(), count: lanes.count)
    for (lane, source) in lanes.enumerated() {
      var place = former.ends[source].first
      while place >= 0 {
        let slice = former.links[Int(place)].slice
        place = former.links[Int(place)].next
        let last = Int(ends[lane].last)
        if last >= 0, join(&links[last].slice, slice) { continue }
        append(slice, to: lane)
      }
    }
  }
}
