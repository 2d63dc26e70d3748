// Open files (the kernel's open file descriptions) and epoll's interest lists.

import Trace

/// Which end of its channel an open file is.
public enum Side: UInt8, Sendable {
  /// A pipe's read end.
  case read
  /// A pipe's write end.
  case write
  /// An eventfd, a fifo opened for both, a socket.
  case both
  /// The two ends of a socketpair: each reads what the other wrote.
  case first, second
}

/// One open file: what dup, fork and SCM_RIGHTS copy a handle to.
public struct OpenFile: Sendable {
  /// Its number in this trace, from 1; never reused (slots of `World.files` are).
  public var serial: UInt32
  public var kind: ObjectKind
  /// Its channel's slot in `World.channels`; -1 for what is no channel (a regular file).
  public var channel: Int32
  /// Of an open file that is gone (`World.closedFiles`): the channel's number in this trace.
  public internal(set) var channelSerial: UInt32 = 0
  public var side: Side
  public var nonblocking = false
  /// A socket of AF_UNIX, by which descriptors can be passed.
  public internal(set) var isLocal = false
  /// A stream socket, and whether it is connected to a peer.
  var isStream = false
  public internal(set) var isConnection = false
  /// It came by accept(2): its peer is a client.
  public internal(set) var isAccepted = false
  /// What it was bound to.
  public internal(set) var address: StringID = .empty
  /// The path, or the peer's address once connected.
  public var name: StringID = .empty
  public var creator: ThreadID
  public var created: Nanoseconds
  /// Descriptors, in all tables, and messages under way that refer to it; 0 for a free slot.
  var references = 0
  /// Whether several descriptors mean it, in one process or in many.
  public var hasCopies: Bool { references > 1 }
  /// Slots of epoll files that watch it.
  var watchers: [Int32] = []
  public var isWatched: Bool { !watchers.isEmpty }
  /// An epoll instance's interest list.
  public internal(set) var interest = EpollSet()
  /// Filled only when the World keeps history.
  public internal(set) var history: [LineageStep] = []
}

/// One entry of an epoll instance: the kernel keys it by number and open file together (fs/eventpoll.c, struct
/// epoll_filefd), so it can outlive the number.
public struct EpollEntry: Sendable {
  public var fd: FD
  public var file: Int32
  public var serial: UInt32
  public var events: Readiness
  public var data: UInt64
  /// The thread that added it.
  public var by: ThreadID
  /// Who armed it anew since a wait told of it.
  var rearmer = ThreadID.unknown

  /// Whether the wait itself consumes what it returns.
  public var isEdge: Bool { events.contains(.edgeTriggered) || events.contains(.oneShot) }
}

/// The interest list of an epoll instance.
public struct EpollSet: Sendable {
  public private(set) var entries: [EpollEntry] = []
  /// Those that may wake a loop (not sockets and what is of no known kind, of which there may be thousands).
  private(set) var wakeables: [EpollEntry] = []
  /// From epoll_data to places in `entries`; kept only for long lists.
  private var places: [UInt64: Int] = [:]
  /// Several entries have one data, of which `places` knows the last.
  private var isShared = false
  /// From number and open file to places in `entries`; kept as long as `places`.
  private var numbers: [UInt64: Int] = [:]
  private static let indexedFrom = 16

  private static func key(_ fd: FD, _ serial: UInt32) -> UInt64 {
    UInt64(UInt32(bitPattern: fd)) << 32 | UInt64(serial)
  }

  private func place(fd: FD, serial: UInt32) -> Int? {
    numbers.isEmpty
      ? entries.firstIndex { $0.fd == fd && $0.serial == serial } : numbers[Self.key(fd, serial)]
  }

  private mutating func note(_ data: UInt64, at place: Int) {
    if places.updateValue(place, forKey: data) != nil { isShared = true }
  }

  public init() {}

  /// Returns the entry that it replaces.
  mutating func add(_ entry: EpollEntry, isWakeable: Bool) -> EpollEntry? {
    let former = remove(fd: entry.fd, serial: entry.serial)
    entries.append(entry)
    if isWakeable { wakeables.append(entry) }
    if entries.count == Self.indexedFrom {
      isShared = false
      for (place, known) in entries.enumerated() {
        note(known.data, at: place)
        numbers[Self.key(known.fd, known.serial)] = place
      }
    } else if entries.count > Self.indexedFrom {
      note(entry.data, at: entries.count - 1)
      numbers[Self.key(entry.fd, entry.serial)] = entries.count - 1
    }
    return former
  }

  /// Returns the entry as it was and as it is.
  mutating func modify(
    fd: FD, serial: UInt32, events: Readiness, data: UInt64, by thread: ThreadID
  ) -> (former: EpollEntry, entry: EpollEntry)? {
    guard let place = place(fd: fd, serial: serial) else { return nil }
    let former = entries[place]
    if !places.isEmpty, entries[place].data != data {
      if places[entries[place].data] == place { places[entries[place].data] = nil }
      note(data, at: place)
    }
    entries[place].events = events
    entries[place].data = data
    entries[place].rearmer = thread
    if let wakeable = wakeables.firstIndex(where: { $0.fd == fd && $0.serial == serial }) {
      wakeables[wakeable] = entries[place]
    }
    return (former, entries[place])
  }

  /// A wait has told of the entry.
  mutating func told(_ entry: EpollEntry) {
    guard let place = place(fd: entry.fd, serial: entry.serial) else { return }
    entries[place].rearmer = .unknown
  }

  @discardableResult
  mutating func remove(fd: FD, serial: UInt32) -> EpollEntry? {
    guard let place = place(fd: fd, serial: serial) else { return nil }
    let entry = entries[place]
    drop(place)
    return entry
  }

  mutating func remove(serial: UInt32) {
    while let place = entries.firstIndex(where: { $0.serial == serial }) { drop(place) }
  }

  private mutating func drop(_ place: Int) {
    let gone = entries[place]
    let last = entries.count - 1
    if !places.isEmpty {
      if places[gone.data] == place { places[gone.data] = nil }
      if places[entries[last].data] == last, place != last { places[entries[last].data] = place }
    }
    if !numbers.isEmpty {
      numbers[Self.key(gone.fd, gone.serial)] = nil
      if place != last { numbers[Self.key(entries[last].fd, entries[last].serial)] = place }
    }
    if place != last { entries[place] = entries[last] }
    entries.removeLast()
    if entries.count < Self.indexedFrom {
      places.removeAll()
      numbers.removeAll()
    }
    wakeables.removeAll { $0.fd == gone.fd && $0.serial == gone.serial }
  }

  public func contains(fd: FD) -> Bool { entries.contains { $0.fd == fd } }

  public func contains(fd: FD, serial: UInt32) -> Bool { place(fd: fd, serial: serial) != nil }

  public func entry(fd: FD, serial: UInt32) -> EpollEntry? {
    place(fd: fd, serial: serial).map { entries[$0] }
  }

  /// The entry that an event with this epoll_data is about.
  public func entry(data: UInt64) -> EpollEntry? {
    guard entries.count >= Self.indexedFrom else { return entries.last { $0.data == data } }
    if let place = places[data], place < entries.count { return entries[place] }
    return isShared ? entries.last { $0.data == data } : nil
  }

  /// Whether several entries have this data, so that it does not tell which is meant. Long lists are taken at their word.
  func isAmbiguous(_ data: UInt64) -> Bool {
    entries.count > 1 && entries.count < Self.indexedFrom && entries.lazy.filter { $0.data == data }.count > 1
  }
}
