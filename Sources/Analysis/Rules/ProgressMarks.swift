// How often each end of a channel made progress. What is remembered of an end shows whether there was any since, so that
// a read or write need not look for who is waiting for it.

import Lineage
import Trace

struct ProgressMarks {
  struct Mark {
    /// What took something from that end; of these, what was not a thread's reading of its own writes.
    var reads: UInt32 = 0
    var works: UInt32 = 0
    var writes: UInt32 = 0

    /// Whether there was progress since for one who was told `returned`.
    @inline(__always)
    func isLater(than before: Mark, for returned: Readiness) -> Bool {
      reads != before.reads || writes != before.writes && returned.contains(.output)
    }

    /// The same, of progress that excuses others.
    func excuses(since before: Mark, for returned: Readiness) -> Bool {
      works != before.works || writes != before.writes && returned.contains(.output)
    }
  }

  /// Two for each slot: the second for the second end of a socketpair.
  private var marks: ContiguousArray<Mark> = []

  @inline(__always)
  private static func place(_ slot: Int32, _ side: Side) -> Int { Int(slot) * 2 + (side == .second ? 1 : 0) }

  @inline(__always)
  func mark(_ slot: Int32, _ side: Side) -> Mark {
    let place = Self.place(slot, side)
    return slot >= 0 && place < marks.count ? marks[place] : Mark()
  }

  @inline(__always)
  mutating func note(_ slot: Int32, _ side: Side, written: Bool, excuses: Bool) {
    let place = Self.place(slot, side)
    while marks.count <= place { marks.append(Mark()) }
    if written {
      marks[place].writes &+= 1
    } else {
      marks[place].reads &+= 1
      if excuses { marks[place].works &+= 1 }
    }
  }
}
