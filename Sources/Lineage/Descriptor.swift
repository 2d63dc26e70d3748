// Descriptors and their tables: which number means which open file, in which processes, and how it got there.

import Trace

/// How a descriptor came to be in its table.
public enum Acquisition: UInt8, Sendable {
  case created, opened, accepted, duplicated, inherited, received, taken, existed
}

/// One number of a descriptor table.
public struct Descriptor: Sendable {
  /// The slot of the open file in `World.files`; -1 for a free number.
  public var file: Int32
  public var closeOnExec: Bool
  public var how: Acquisition
  /// When the number came to mean this open file, or to be free.
  public var since: Nanoseconds
  /// The thread that made, copied, received or closed it; for an inherited one the thread that forked.
  public var by: ThreadID

  public static let free = Descriptor(file: -1, closeOnExec: false, how: .created, since: 0, by: .unknown)

  public var isOpen: Bool { file >= 0 }
}

/// A table of descriptors: the kernel's files_struct. Threads share one; fork copies it.
public struct FDTable: Sendable {
  /// Numbers beyond this are not tracked (fs.nr_open's default, Linux 6.1 fs/file.c).
  static let limit: FD = 1 << 20
  /// So many numbers have a place of their own, and as many more for each that is open; a few high ones do not make a table long.
  private static let least = 256
  private static let placesForEach = 8

  @usableFromInline var near: [Descriptor] = []
  /// What lies beyond.
  @usableFromInline var far: [FD: Descriptor] = [:]
  private var openCount = 0
  /// How many threads use this table; 0 for a free slot.
  public internal(set) var users = 0

  @inlinable @inline(__always) public subscript(fd: FD) -> Descriptor {
    if fd >= 0, Int(fd) < near.count { return near[Int(fd)] }
    return far.isEmpty ? .free : far[fd] ?? .free
  }

  mutating func set(_ fd: FD, _ descriptor: Descriptor) {
    openCount += (descriptor.isOpen ? 1 : 0) - (self[fd].isOpen ? 1 : 0)
    if Int(fd) >= near.count {
      guard Int(fd) < Self.least + Self.placesForEach * openCount else {
        far[fd] = descriptor
        return
      }
      let former = near.count
      while near.count <= Int(fd) { near.append(.free) }
      if !far.isEmpty { takeNear(from: FD(former)) }
    }
    near[Int(fd)] = descriptor
  }

  private mutating func takeNear(from first: FD) {
    for (fd, descriptor) in far where fd >= first && Int(fd) < near.count {
      near[Int(fd)] = descriptor
      far[fd] = nil
    }
  }

  /// Whether the number was ever set.
  func knows(_ fd: FD) -> Bool { fd >= 0 && Int(fd) < near.count || far[fd] != nil }

  /// What was ever set among these numbers, ascending.
  func numbers(in range: ClosedRange<FD>) -> [FD] {
    let last = min(range.upperBound, FD(near.count) - 1)
    let first = max(0, range.lowerBound)
    let low = first <= last ? Array(first...last) : []
    return far.isEmpty ? low : low + far.keys.filter { range.contains($0) }.sorted()
  }

  /// Every number that was ever set, ascending, until `body` says that it has seen enough.
  @inline(__always)
  func each(_ body: (FD, Descriptor) -> Bool) {
    for place in near.indices { if !body(FD(place), near[place]) { return } }
    if far.isEmpty { return }
    for (fd, descriptor) in far.sorted(by: { $0.key < $1.key }) { if !body(fd, descriptor) { return } }
  }

  /// Changes all that are open.
  mutating func changeOpen(_ body: (FD, inout Descriptor) -> Void) {
    for place in near.indices where near[place].isOpen { body(FD(place), &near[place]) }
    for (fd, descriptor) in far.sorted(by: { $0.key < $1.key }) where descriptor.isOpen { body(fd, &far[fd]!) }
  }

  /// The numbers in use, ascending.
  public var open: [(fd: FD, descriptor: Descriptor)] {
    var found: [(fd: FD, descriptor: Descriptor)] = []
    each { fd, descriptor in
      if descriptor.isOpen { found.append((fd, descriptor)) }
      return true
    }
    return found
  }
}

/// What happened to an open file's descriptors: the entries of its family tree.
public struct LineageStep: Sendable {
  public enum Kind: Sendable {
    case acquired(Acquisition)
    case released, closedByExec, closedByExit
  }

  public var kind: Kind
  public var process: ProcessID
  public var fd: FD
  public var thread: ThreadID
  public var time: Nanoseconds
  /// The number that was copied, for dup and its kin; -1 else.
  public var from: FD
}
