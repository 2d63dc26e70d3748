// Numbers in descriptor tables: how they come to mean an open file, and cease to; and what becomes of open files and channels that no
// number means any more.

import Trace

extension World {
  /// Lets `fd` mean the open file in the thread's table; what it meant before is released.
  mutating func install(
    _ file: Int32, at fd: FD, of thread: ThreadID, _ how: Acquisition, closeOnExec: Bool, time: Nanoseconds,
    from: FD = -1
  ) {
    guard fd >= 0, fd < FDTable.limit, let state = self.thread(thread) else {
      drop(file, by: thread, at: time)
      return
    }
    files[Int(file)].references += 1
    noteUnseen(file, at: fd, by: state)
    release(fd, by: thread, at: time, .released)
    tables[state.table].set(
      fd, Descriptor(file: file, closeOnExec: closeOnExec, how: how, since: time, by: thread))
    note(
      file, LineageStep(kind: .acquired(how), process: state.process, fd: fd, thread: thread, time: time, from: from))
  }

  /// Frees a file that never got a number.
  private mutating func drop(_ file: Int32, by thread: ThreadID, at time: Nanoseconds) {
    if files[Int(file)].references == 0 { retire(file, by: thread, at: time) }
  }

  mutating func release(_ fd: FD, by thread: ThreadID, at time: Nanoseconds, _ kind: LineageStep.Kind) {
    guard let state = self.thread(thread) else { return }
    release(fd, table: state.table, process: state.process, by: thread, at: time, kind)
  }

  mutating func release(
    _ fd: FD, table: Int, process: ProcessID, by thread: ThreadID, at time: Nanoseconds, _ kind: LineageStep.Kind
  ) {
    let descriptor = tables[table][fd]
    // Who meant to close a number that is free may have been later than who opens it now.
    if descriptor.isOpen || tables[table].users > 1 && tables[table].knows(fd) {
      var free = Descriptor.free
      free.since = time
      free.by = thread
      tables[table].set(fd, free)
    }
    guard descriptor.isOpen else { return }
    if case .released = kind { noteReleased(fd, descriptor.file, process) }
    note(descriptor.file, LineageStep(kind: kind, process: process, fd: fd, thread: thread, time: time, from: -1))
    noteLeaver(descriptor.file, fd, process, thread, time, kind)
    unreference(descriptor.file, by: thread, at: time)
  }

  private mutating func noteReleased(_ fd: FD, _ slot: Int32, _ process: ProcessID) {
    let place = Int(slot)
    guard files[place].channel >= 0 else { return }
    let serial = files[place].serial
    var isWatched = false
    for watcher in files[place].watchers where files[Int(watcher)].interest.contains(fd: fd, serial: serial) {
      isWatched = true
    }
    released.append(
      ReleasedNumber(
        fd: fd, file: slot, serial: serial, channel: files[place].channel, kind: files[place].kind,
        side: files[place].side, isLast: files[place].references <= 1,
        use: channels[Int(files[place].channel)].use(by: process), isWatched: isWatched))
  }

  mutating func unreference(_ file: Int32, by thread: ThreadID, at time: Nanoseconds) {
    files[Int(file)].references -= 1
    if files[Int(file)].references <= 0 { retire(file, by: thread, at: time) }
  }

  /// The last reference is gone: the kernel's fput.
  private mutating func retire(_ slot: Int32, by thread: ThreadID, at time: Nanoseconds) {
    let serial = files[Int(slot)].serial
    let channel = files[Int(slot)].channel
    for watcher in files[Int(slot)].watchers where files[Int(watcher)].kind == .epoll {
      files[Int(watcher)].interest.remove(serial: serial)
    }
    for entry in files[Int(slot)].interest.entries where files[Int(entry.file)].serial == entry.serial {
      files[Int(entry.file)].watchers.removeAll { $0 == slot }
    }
    if keepsHistory, channel >= 0 {
      files[Int(slot)].channelSerial = channels[Int(channel)].serial
      closedFiles.append(files[Int(slot)])
    }
    if channel >= 0 { leave(channel, side: files[Int(slot)].side, by: thread, at: time) }
    files[Int(slot)].references = 0
    files[Int(slot)].channel = -1
    files[Int(slot)].interest = EpollSet()
    files[Int(slot)].watchers = []
    files[Int(slot)].history = []
    freeFiles.append(slot)
  }

  private mutating func leave(_ slot: Int32, side: Side, by thread: ThreadID, at time: Nanoseconds) {
    channels[Int(slot)].files -= 1
    if side != .write { channels[Int(slot)].readers -= 1 }
    if side != .read { channels[Int(slot)].writers -= 1 }
    let lastOfPair = channels[Int(slot)].kind == .socketpair && channels[Int(slot)].files == 1
    let isUnwritten = channels[Int(slot)].writers == 0 || lastOfPair
    let process = processID(of: thread)
    if isUnwritten, channels[Int(slot)].hungUp == nil, let process {
      channels[Int(slot)].hungUp = Closer(
        thread: thread, process: process, time: time, execed: hasExeced(process), byShutdown: false)
    }
    if channels[Int(slot)].readers == 0, channels[Int(slot)].unheard == nil, let process {
      channels[Int(slot)].unheard = Closer(
        thread: thread, process: process, time: time, execed: hasExeced(process), byShutdown: false)
    }
    guard channels[Int(slot)].files <= 0 else { return }
    let channel = channels[Int(slot)]
    goneChannels.append(channel)
    let key = InodeKey(kind: channel.kind, inode: channel.inode)
    if channelsByInode[key] == slot { channelsByInode[key] = nil }
    let passing = channel.passing + channel.passingBack
    channels[Int(slot)].passing = []
    channels[Int(slot)].passingBack = []
    channels[Int(slot)].queue = ByteQueue()
    channels[Int(slot)].backQueue = ByteQueue()
    channels[Int(slot)].uses = []
    channels[Int(slot)].files = 0
    freeChannels.append(slot)
    for message in passing {
      for file in message.files { unreference(file, by: thread, at: time) }
    }
  }

  /// shutdown(2) of a socketpair's end for writing: the other end reads EOF, though all descriptors stay open.
  mutating func shutDown(_ fd: FD, how: Int32, by thread: ThreadID, at time: Nanoseconds) {
    let slot = descriptor(fd, of: thread).file
    guard how != 0, slot >= 0, files[Int(slot)].kind == .socketpair, let process = self.thread(thread)?.process else {
      return
    }
    let channel = Int(files[Int(slot)].channel)
    if channels[channel].hungUp == nil {
      channels[channel].hungUp = Closer(
        thread: thread, process: process, time: time, execed: hasExeced(process), byShutdown: true)
    }
  }

  mutating func note(_ file: Int32, _ step: LineageStep) {
    if keepsHistory { files[Int(file)].history.append(step) }
  }

  mutating func withFile(_ fd: FD, of thread: ThreadID, _ body: (inout OpenFile) -> Void) {
    let slot = descriptor(fd, of: thread).file
    if slot >= 0 { body(&files[Int(slot)]) }
  }

  mutating func setCloseOnExec(_ fd: FD, _ on: Bool, of thread: ThreadID) {
    guard let state = self.thread(thread) else { return }
    var descriptor = tables[state.table][fd]
    guard descriptor.isOpen else { return }
    descriptor.closeOnExec = on
    tables[state.table].set(fd, descriptor)
  }

  mutating func closeRange(_ first: UInt32, _ last: UInt32, _ flags: UInt32, by thread: ThreadID, at time: Nanoseconds)
  {
    // Other flags are EINVAL, which is not known yet when the call begins.
    guard flags & ~6 == 0, first <= last else { return }
    if flags & 2 != 0 { unshareTable(of: thread) }
    guard let state = self.thread(thread) else { return }
    let limit = UInt32(FDTable.limit)
    guard first <= limit else { return }
    for fd in tables[state.table].numbers(in: FD(first)...FD(min(last, limit))) {
      if flags & 4 != 0 {
        setCloseOnExec(fd, true, of: thread)
      } else {
        release(fd, by: thread, at: time, .released)
      }
    }
  }

  /// Numbers that a call has closed: it may have done so until it returned.
  mutating func stampFree(_ numbers: ClosedRange<FD>, of thread: ThreadID, at time: Nanoseconds) {
    guard let table = self.thread(thread)?.table, tables[table].users > 1 else { return }
    for fd in tables[table].numbers(in: numbers) where !tables[table][fd].isOpen {
      var free = Descriptor.free
      free.since = time
      free.by = thread
      tables[table].set(fd, free)
    }
  }
}
