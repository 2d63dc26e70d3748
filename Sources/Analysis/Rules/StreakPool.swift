// The streaks that go on, in storage that is used again: a wait that returns something begins one, and most end at the next
// read. Found by channel and by thread, without hashing.

import Lineage
import Trace

struct StreakPool {
  /// Those in `alive` go on; the others are storage.
  var streaks: ContiguousArray<Streak> = []
  private(set) var alive: ContiguousArray<Int32> = []
  private var free: [Int32] = []
  /// The first streak on a channel, by the channel's slot; -1 for none. The others follow by `next`.
  private var ofChannel: ContiguousArray<Int32> = []
  /// By the thread's slot among the living.
  private var ofThread: ContiguousArray<ContiguousArray<Int32>> = []
  private var number: UInt32 = 0

  /// Where a streak stands in the lists.
  struct Links {
    /// Tells a streak from those that had its storage before.
    var number: UInt32 = 0
    var channelSlot: Int32 = -1
    var next: Int32 = -1
    var previous: Int32 = -1
    var threadSlot: Int32 = -1
    var placeOfThread: Int32 = -1
    var placeAlive: Int32 = -1
  }

  /// The first streak on the channel, or -1.
  @inline(__always)
  func first(onChannel slot: Int32) -> Int32 {
    slot >= 0 && Int(slot) < ofChannel.count ? ofChannel[Int(slot)] : -1
  }

  @inline(__always)
  func next(_ streak: Int32) -> Int32 { streaks[Int(streak)].links.next }

  func count(ofThread slot: Int32) -> Int { Int(slot) < ofThread.count ? ofThread[Int(slot)].count : 0 }
  func streak(_ place: Int, ofThread slot: Int32) -> Int32 { ofThread[Int(slot)][place] }

  /// The thread's streak on that end of the channel under that number; `channel` -1: on the number, which is closed.
  func find(_ thread: ThreadID, slot: Int32, channel: Int32, side: Side, fd: FD) -> Int32 {
    if channel >= 0 {
      var place = first(onChannel: channel)
      while place >= 0, !streaks[Int(place)].isOf(thread, side, fd) { place = next(place) }
      return place
    }
    for index in 0..<count(ofThread: slot) {
      let place = ofThread[Int(slot)][index]
      if streaks[Int(place)].channel == 0, streaks[Int(place)].isOf(thread, side, fd) { return place }
    }
    return -1
  }

  /// Begins a streak. What it does not say of itself the caller fills in.
  mutating func begin(_ streak: Streak.Beginning, threadSlot: Int32, channelSlot: Int32) -> Int32 {
    let place: Int32
    if let storage = free.popLast() {
      place = storage
    } else {
      streaks.append(Streak(streak))
      place = Int32(streaks.count - 1)
    }
    streaks[Int(place)].restart(streak)
    number &+= 1
    while ofThread.count <= Int(threadSlot) { ofThread.append([]) }
    var links = Links(
      number: number, channelSlot: channelSlot, threadSlot: threadSlot,
      placeOfThread: Int32(ofThread[Int(threadSlot)].count), placeAlive: Int32(alive.count))
    ofThread[Int(threadSlot)].append(place)
    alive.append(place)
    if channelSlot >= 0 {
      while ofChannel.count <= Int(channelSlot) { ofChannel.append(-1) }
      links.next = ofChannel[Int(channelSlot)]
      if links.next >= 0 { streaks[Int(links.next)].links.previous = place }
      ofChannel[Int(channelSlot)] = place
    }
    streaks[Int(place)].links = links
    return place
  }

  /// Ends a streak. Its values stay in place until the next begins.
  mutating func end(_ place: Int32) {
    let links = streaks[Int(place)].links
    if links.next >= 0 { streaks[Int(links.next)].links.previous = links.previous }
    if links.previous >= 0 {
      streaks[Int(links.previous)].links.next = links.next
    } else if links.channelSlot >= 0 {
      ofChannel[Int(links.channelSlot)] = links.next
    }
    let slot = Int(links.threadSlot)
    let lastOfThread = ofThread[slot].removeLast()
    if lastOfThread != place {
      ofThread[slot][Int(links.placeOfThread)] = lastOfThread
      streaks[Int(lastOfThread)].links.placeOfThread = links.placeOfThread
    }
    let lastAlive = alive.removeLast()
    if lastAlive != place {
      alive[Int(links.placeAlive)] = lastAlive
      streaks[Int(lastAlive)].links.placeAlive = links.placeAlive
    }
    streaks[Int(place)].links = Links()
    free.append(place)
  }
}
