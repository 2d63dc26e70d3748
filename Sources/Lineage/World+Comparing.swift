// Questions of who holds the model against the kernel's tables.

import Trace

extension World {
  /// Whether other threads use the thread's table as well.
  @inlinable public func isTableShared(by id: ThreadID) -> Bool {
    guard let table = threads[id.position]?.table else { return false }
    return tables[table].users > 1
  }

  /// The open numbers of the thread's table, ascending.
  public func openNumbers(of id: ThreadID) -> [FD] {
    guard let thread = thread(id) else { return [] }
    return tables[thread.table].open.map(\.fd)
  }

  /// The numbers of the thread's table that were opened or closed since, by whoever; copies of a fork count as what they
  /// are copies of.
  public func numbersChanged(since time: Nanoseconds, of id: ThreadID) -> [FD] {
    guard let thread = thread(id) else { return [] }
    var found: [FD] = []
    tables[thread.table].each { fd, descriptor in
      if descriptor.since >= time { found.append(fd) }
      return true
    }
    return found
  }

  /// How many numbers, in all tables, mean the open file.
  public func holders(ofFile slot: Int32) -> Int {
    tables.lazy.filter { $0.users > 0 }.reduce(0) { $0 + $1.open.count { $0.descriptor.file == slot } }
  }

  /// Whether the open file is of the kind that /proc shows (where a socketpair's ends are sockets).
  public func isKind(_ kind: ObjectKind, of slot: Int32) -> Bool {
    guard let file = file(slot) else { return false }
    return file.kind == kind || file.kind == .socketpair && kind == .socket
  }

  /// Whether the open file may be the object that /proc shows.
  public func isObject(_ kind: ObjectKind, inode: UInt64, of slot: Int32) -> Bool {
    guard let file = file(slot), isKind(kind, of: slot) else { return false }
    let known = file.channel >= 0 ? channels[Int(file.channel)].inode : 0
    return known == 0 || inode == 0 || known == inode
  }

  /// All descriptors of living threads' tables that may be the object with that kind and inode, one thread for each table.
  public func descriptors(like kind: ObjectKind, inode: UInt64) -> [(thread: ThreadID, table: Int, fd: FD)] {
    var found: [(thread: ThreadID, table: Int, fd: FD)] = []
    var seen = Set<Int>()
    for thread in threads where thread.isAlive && seen.insert(thread.table).inserted {
      for (fd, descriptor) in tables[thread.table].open where isObject(kind, inode: inode, of: descriptor.file) {
        found.append((thread.id, thread.table, fd))
      }
    }
    return found
  }

  /// The slot of the channel with that serial number, while it is open.
  public func slot(ofChannel serial: UInt32) -> Int32? {
    channels.firstIndex { $0.serial == serial && $0.files > 0 }.map { Int32($0) }
  }

  /// Who holds the channel and is not traced.
  public func outsiders(of slot: Int32) -> [Outsider] {
    guard let channel = channel(slot), channel.inode != 0 else { return [] }
    return outsiders.filter { $0.kind == channel.kind && $0.inode == channel.inode }
  }

  /// The kinds and inodes of channels that can be told apart outside of the model.
  public func identities() -> [(kind: ObjectKind, inode: UInt64)] {
    channels.filter { $0.files > 0 && $0.inode != 0 }.map { ($0.kind, $0.inode) }
  }
}
