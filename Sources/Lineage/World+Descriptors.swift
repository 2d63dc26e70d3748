// What calls that make, copy or change descriptors do, and what the numbers mean that were there before the trace.

import Trace

extension World {
  /// The effects of calls that succeeded and make, copy or change descriptors.
  mutating func acquire(
    _ event: Event, _ result: CallResult, _ operation: Operation, arena: Arena
  ) {
    let thread = event.thread
    let time = event.exited
    let fd = FD(truncatingIfNeeded: result.rawValue)
    let closeOnExec: UInt32 = 0o2000000
    switch operation {
    // Numbers that could not be read are looked up when they are used.
    case .pipe(-1, -1, _, _), .socketPair(-1, -1, _, _): break
    case .pipe(let read, let write, let flags, let inode):
      let channel = makeChannel(.pipe, inode: inode, by: thread, at: time)
      let nonblocking = flags & 0o4000 != 0
      let readEnd = makeFile(.pipe, channel: channel, side: .read, nonblocking: nonblocking, by: thread, at: time)
      let writeEnd = makeFile(.pipe, channel: channel, side: .write, nonblocking: nonblocking, by: thread, at: time)
      install(readEnd, at: read, of: thread, .created, closeOnExec: flags & closeOnExec != 0, time: time)
      install(writeEnd, at: write, of: thread, .created, closeOnExec: flags & closeOnExec != 0, time: time)
    case .create(let kind, let flags, let value, let existing):
      if existing >= 0 { return }
      // A memfd is a file, not a channel.
      let channel = kind == .memfd ? -1 : makeChannel(kind, inode: 0, by: thread, at: time)
      if kind == .eventfd {
        channels[Int(channel)].isSemaphore = flags & 1 != 0
        if value > 0 { channels[Int(channel)].queue.append(segment(value, event, fd: fd)) }
      }
      let file = makeFile(kind, channel: channel, side: .both, nonblocking: flags & 0o4000 != 0, by: thread, at: time)
      let always = kind == .pidfd
      install(file, at: fd, of: thread, .created, closeOnExec: always || flags & closeOnExec != 0, time: time)
    case .socketPair(let first, let second, _, let type):
      let channel = makeChannel(.socketpair, inode: 0, by: thread, at: time)
      channels[Int(channel)].isDatagram = type & 0xF != 1
      for (number, side) in [(first, Side.first), (second, Side.second)] {
        let file = makeFile(
          .socketpair, channel: channel, side: side, nonblocking: type & 0o4000 != 0, by: thread, at: time)
        install(
          file, at: number, of: thread, .created, closeOnExec: type & Int32(closeOnExec) != 0, time: time)
      }
    case .socket(let domain, let type):
      let channel = makeChannel(.socket, inode: 0, by: thread, at: time)
      let file = makeFile(
        .socket, channel: channel, side: .both, nonblocking: type & 0o4000 != 0, by: thread, at: time)
      files[Int(file)].isLocal = domain == 1
      files[Int(file)].isStream = type & 0xF == 1
      install(file, at: fd, of: thread, .created, closeOnExec: type & Int32(closeOnExec) != 0, time: time)
    case .bind(let socket, let address):
      boundAddresses.insert(address)
      withFile(socket, of: thread) {
        $0.address = address
        if $0.name == .empty { $0.name = address }
      }
    case .duplicate(let from, let to, let closeOnExec):
      // dup2 of a number on to itself changes nothing (dup3 refuses it).
      guard from != fd || to < 0 else { return }
      let source = descriptor(from, of: thread)
      guard source.isOpen else {
        release(fd, by: thread, at: time, .released)
        return
      }
      install(
        source.file, at: fd, of: thread, .duplicated, closeOnExec: closeOnExec, time: time, from: from)
    case .setCloseOnExec(let number, let on): setCloseOnExec(number, on, of: thread)
    case .setNonblocking(let number, let on):
      var former = false
      withFile(number, of: thread) {
        former = $0.nonblocking
        $0.nonblocking = on
      }
      formerNonblocking = former
    case .open(let path, let flags, let kind, let inode):
      open(path, flags, kind, inode, at: fd, by: thread, time: time)
    case .epollControl(let epoll, let op, let number, let events, let data) where op != 2:
      watch(epoll: epoll, op: op, fd: number, events: events, data: data, by: thread, at: time)
    case .setTimer(let number):
      let file = descriptor(number, of: thread).file
      if file >= 0 { effect = Effect(kind: .clear, file: file, channel: files[Int(file)].channel, fd: number) }
    case .takeDescriptor(_, let remote, let owner):
      let source = descriptor(remote, of: owner)
      if source.isOpen {
        install(source.file, at: fd, of: thread, .taken, closeOnExec: true, time: time, from: remote)
      }
    case .unshare(let flags): if flags & 0x400 != 0 { unshareTable(of: thread) }
    case .exec(let exec): self.exec(exec, by: thread, at: time, arena: arena)
    case .signalAction(let signal, let disposition):
      if let process = self.thread(thread).flatMap({ process($0.process) }) {
        handlers[process.handlers][signal] = HandlerTable.Entry(disposition: disposition, installer: process.id)
      }
    case .ring:
      if let process = self.thread(thread)?.process { processes[process.position]!.usesRing = true }
    default: break
    }
  }

  // MARK: Making

  mutating func makeChannel(_ kind: ObjectKind, inode: UInt64, by thread: ThreadID, at time: Nanoseconds) -> Int32 {
    channelSerial += 1
    let channel = Channel(serial: channelSerial, kind: kind, inode: inode, creator: thread, created: time)
    let slot: Int32
    if let free = freeChannels.popLast() {
      channels[Int(free)] = channel
      slot = free
    } else {
      channels.append(channel)
      slot = Int32(channels.count - 1)
    }
    channels[Int(slot)].slot = slot
    if inode != 0 { channelsByInode[InodeKey(kind: kind, inode: inode)] = slot }
    return slot
  }

  mutating func makeFile(
    _ kind: ObjectKind, channel: Int32, side: Side, nonblocking: Bool, by thread: ThreadID, at time: Nanoseconds
  ) -> Int32 {
    fileSerial += 1
    var file = OpenFile(
      serial: fileSerial, kind: kind, channel: channel, side: side, creator: thread, created: time)
    file.nonblocking = nonblocking
    if channel >= 0 {
      channels[Int(channel)].files += 1
      // A descriptor that was under way in a message may bring an end back to life.
      if side != .write {
        channels[Int(channel)].readers += 1
        channels[Int(channel)].unheard = nil
      }
      if side != .read {
        channels[Int(channel)].writers += 1
        channels[Int(channel)].hungUp = nil
      }
    }
    if let free = freeFiles.popLast() {
      files[Int(free)] = file
      return free
    }
    files.append(file)
    return Int32(files.count - 1)
  }

  /// A file, fifo, terminal or device found by path.
  private mutating func open(
    _ path: StringID, _ flags: UInt32, _ kind: ObjectKind, _ inode: UInt64, at fd: FD, by thread: ThreadID,
    time: Nanoseconds
  ) {
    let access = flags & 3
    let channel: Int32
    switch kind {
    case .fifo, .pipe, .tty: channel = channelByInode(kind, inode, by: thread, at: time)
    default: channel = -1
    }
    let side: Side = kind == .tty ? .both : access == 0 ? .read : access == 1 ? .write : .both
    let file = makeFile(
      kind, channel: channel, side: side, nonblocking: flags & 0o4000 != 0, by: thread, at: time)
    files[Int(file)].name = path
    install(file, at: fd, of: thread, .opened, closeOnExec: flags & 0o2000000 != 0, time: time)
  }

  /// The channel with that inode. A pipe reopened under /proc/PID/fd is known as the pipe that it is.
  private mutating func channelByInode(
    _ kind: ObjectKind, _ inode: UInt64, by thread: ThreadID, at time: Nanoseconds
  ) -> Int32 {
    let key = InodeKey(kind: kind, inode: inode)
    if inode != 0, let known = channelsByInode[key] { return known }
    guard inode >= ExistingDescriptor.ownIdentity else { return makeChannel(kind, inode: inode, by: thread, at: time) }
    // What the inode is, nobody knows; the number holds for what is told at the trace's beginning.
    let channel = makeChannel(kind, inode: 0, by: thread, at: time)
    channelsByInode[key] = channel
    return channel
  }

  /// A descriptor that /proc showed: from before the trace, or from where the model cannot see.
  mutating func adopt(_ found: ExistingDescriptor, by thread: ThreadID, at time: Nanoseconds) {
    let current = descriptor(found.fd, of: thread)
    let how = acquisition(by: thread)
    let closeOnExec = found.flags & 0o2000000 != 0
    if found.sameAs >= 0 {
      let original = descriptor(found.sameAs, of: found.sameIn == .unknown ? thread : found.sameIn)
      if original.isOpen {
        if current.file == original.file {
          setCloseOnExec(found.fd, closeOnExec, of: thread)
          correct(found, of: thread)
        } else {
          install(original.file, at: found.fd, of: thread, how, closeOnExec: closeOnExec, time: time)
        }
        return
      }
    } else if current.isOpen, isSame(files[Int(current.file)], found) {
      setCloseOnExec(found.fd, closeOnExec, of: thread)
      correct(found, of: thread)
      return
    }
    let access = found.flags & 3
    let side: Side
    switch found.kind {
    case .pipe, .fifo: side = access == 0 ? .read : access == 1 ? .write : .both
    case .socketpair: side = found.traits.contains(.second) ? .second : .first
    default: side = .both
    }
    // Who wrote the trace may not have been able to compare open files.
    if found.sameIn == .unknown, let known = knownFile(found, side: side) {
      install(known, at: found.fd, of: thread, how, closeOnExec: closeOnExec, time: time)
      return
    }
    var channel: Int32 = -1
    switch found.kind {
    case .file, .directory, .device, .memfd, .other: break
    default:
      channel = channelByInode(found.kind, found.inode, by: thread, at: time)
      let isNew = channels[Int(channel)].files == 0
      if isNew {
        channels[Int(channel)].predates = how == .existed
        channels[Int(channel)].isDatagram = found.traits.contains(.datagram)
        channels[Int(channel)].isSemaphore = found.traits.contains(.semaphore)
      }
      if found.waiting > 0 {
        if side == .second {
          channels[Int(channel)].backQueue.found(found.waiting)
        } else if isNew || side == .first {
          channels[Int(channel)].queue.found(found.waiting)
        }
      }
    }
    let file = makeFile(
      found.kind, channel: channel, side: side, nonblocking: found.flags & 0o4000 != 0, by: thread, at: time)
    files[Int(file)].name = found.link
    files[Int(file)].isLocal = found.traits.contains(.local)
    files[Int(file)].isStream = found.traits.contains(.stream)
    if found.traits.contains(.bound) {
      files[Int(file)].address = found.link
      boundAddresses.insert(found.link)
    }
    install(file, at: found.fd, of: thread, how, closeOnExec: closeOnExec, time: time)
  }

  /// The recorder says of a connected stream what it is connected to: `socket:[71] to 127.0.0.1:5432`, or ` from ` after accept(2).
  mutating func noteConnection(_ found: ExistingDescriptor, by thread: ThreadID, tables: TraceTables) {
    let slot = Int(descriptor(found.fd, of: thread).file)
    guard slot >= 0, files[slot].kind == .socket, !files[slot].isConnection else { return }
    let link = tables.text(found.link)
    guard found.traits.contains(.connection) || link.contains("] to ") || link.contains("] from ") else { return }
    files[slot].isAccepted = found.traits.contains(.accepted) || link.contains("] from ")
    files[slot].isConnection = true
    files[slot].name = found.link
  }

  /// What is not all seen in scope light: the flags, and what waits in a channel.
  private mutating func correct(_ found: ExistingDescriptor, of thread: ThreadID) {
    let slot = Int(descriptor(found.fd, of: thread).file)
    let file = files[slot]
    guard file.channel >= 0, sight(of: thread).scope == .light else { return }
    files[slot].nonblocking = found.flags & 0o4000 != 0
    if file.side == .second {
      channels[Int(file.channel)].backQueue.correct(to: found.waiting)
    } else {
      channels[Int(file.channel)].queue.correct(to: found.waiting)
    }
  }

  /// What is found in a process that was there before the trace, or has not made its first exec, was there before it.
  private func acquisition(by thread: ThreadID) -> Acquisition {
    guard let process = process(of: thread), process.parent == nil || process.predates, process.lastExec == nil else {
      return .received
    }
    return .existed
  }

  /// Whether /proc's word agrees with the model's: then nothing is to be done.
  private func isSame(_ file: OpenFile, _ found: ExistingDescriptor) -> Bool {
    // /proc calls a socketpair's ends sockets.
    let kind = file.kind == .socketpair ? .socket : file.kind
    guard kind == found.kind else { return false }
    guard file.channel >= 0 else { return true }
    let inode = channels[Int(file.channel)].inode
    return inode == 0 || found.inode == 0 || inode == found.inode
  }

  /// An open file that a received descriptor must be: the only one of that pipe or socket with that side.
  private func knownFile(_ found: ExistingDescriptor, side: Side) -> Int32? {
    guard found.inode != 0, let channel = channelsByInode[InodeKey(kind: found.kind, inode: found.inode)] else {
      return nil
    }
    var matches: Int32?
    for (slot, file) in files.enumerated()
    where file.references > 0 && file.channel == channel && (file.side == side || found.kind == .socket) {
      if matches != nil { return nil }
      matches = Int32(slot)
    }
    return matches
  }
}
