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

  @usableFromInline var descriptors: [Descriptor] = []
  /// How many threads use this table; 0 for a free slot.
  public internal(set) var users = 0

  @inlinable @inline(__always) public subscript(fd: FD) -> Descriptor {
    guard fd >= 0, Int(fd) < descriptors.count else { return .free }
    return descriptors[Int(fd)]
  }

  mutating func set(_ fd: FD, _ descriptor: Descriptor) {
    while descriptors.count <= Int(fd) { descriptors.append(.free) }
    descriptors[Int(fd)] = descriptor
  }

  /// The numbers in use, ascending.
  public var open: [(fd: FD, descriptor: Descriptor)] {
    descriptors.enumerated().filter { $0.element.isOpen }.map { (FD($0.offset), $0.element) }
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
