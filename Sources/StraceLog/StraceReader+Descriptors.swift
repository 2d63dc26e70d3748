// Numbers that the model does not know: from before the log, or from calls that are not in it.

import Lineage
import Trace

extension StraceReader {
  /// Tells of the descriptors that the call names what the model does not know yet: what -y says, else what the call needs them to be.
  /// `result`: nil while it has not returned.
  func describeMentions(_ shape: CallShape, _ operation: Operation, _ place: Int, result: Int64?) {
    // What failed with EBADF is none.
    if result == -9 { return }
    let id = threads[place].id
    for (index, mention) in reader.arguments.mentions.enumerated() {
      // Of an open number -y says what it is. Whether the call fails is not known yet.
      if result == nil, mention.annotation == nil, survey.hasIdentities { continue }
      let known = world.descriptor(mention.fd, of: id)
      if known.isOpen, mention.annotation == nil || isFamiliar(mention, known, place) { continue }
      describe(mention, isFirst: index == 0, shape, operation, known, place)
    }
    if reader.arguments.isCut {
      sayOnce(.log, "long wait sets are cut short (strace -v shows them whole): what is left out is not seen", place)
    }
    noteInterest(operation, place)
  }

  /// -y says what it said before, or what agrees with the model.
  private func isFamiliar(_ mention: Mention, _ known: Descriptor, _ place: Int) -> Bool {
    guard let range = mention.annotation, let file = world.file(known.file) else { return false }
    let identity = DescriptorIdentity(Scanner(reader.arguments.bytes, range))
    if file.kind == .unknown { return identity.kind == .unknown }
    switch identity.kind {
    case .pipe:
      guard [.pipe, .fifo].contains(file.kind), let channel = world.channel(file.channel) else { return false }
      return identity.inode == 0 || channel.inode == 0 || channel.inode == identity.inode
    case .socket: return [.socket, .socketpair].contains(file.kind)
    case .eventfd, .epoll, .timerfd, .signalfd: return file.kind == identity.kind
    default: return true
    }
  }

  private func describe(
    _ mention: Mention, isFirst: Bool, _ shape: CallShape, _ operation: Operation, _ known: Descriptor, _ place: Int
  ) {
    var identity = DescriptorIdentity(kind: .unknown)
    var link: [UInt8] = []
    if let range = mention.annotation {
      let text = Scanner(reader.arguments.bytes, range)
      identity = DescriptorIdentity(text)
      link = text.text(range) + identity.peer
    } else {
      if isFirst { identity.kind = DescriptorIdentity.kind(usedBy: shape) }
      if isCounter(operation) { identity.kind = .eventfd }
    }
    if known.isOpen, let file = world.file(known.file), file.kind == identity.kind || identity.kind == .unknown {
      return
    }
    tell(
      threads[place].id,
      .existing(
        ExistingDescriptor(
          fd: mention.fd, kind: identity.kind, link: intern(link), inode: identity.inode,
          flags: accessFlags(identity.kind, operation, mention.fd), sameAs: -1)))
  }

  /// Eight bytes that are a small number: what is written to an eventfd (eventfd(2)).
  private func isCounter(_ operation: Operation) -> Bool {
    guard case .transfer(let transfer) = operation, transfer.direction == .output, transfer.requested == 8,
      transfer.payload.count == 8
    else { return false }
    return scratch.bytes(transfer.payload).dropFirst(2).allSatisfy { $0 == 0 }
  }

  /// Which end of a pipe it is: what is read from or waited on for input is the reading one.
  private func accessFlags(_ kind: ObjectKind, _ operation: Operation, _ fd: FD) -> UInt32 {
    guard kind == .pipe || kind == .fifo else { return 2 }
    switch operation {
    case .transfer(let transfer): return transfer.direction == .input ? 0 : 1
    case .wait(let wait) where !wait.isEpoll:
      let asked = scratch.waits(wait.entries).first { $0.fd == fd }?.asked ?? .input
      return asked.contains(.output) ? 1 : 0
    case .epollControl(_, _, _, let events, _): return events.contains(.output) ? 1 : 0
    case .move(let from, _, _, _): return from == fd ? 0 : 1
    default: return 0
    }
  }

  /// Entries of an epoll instance that the log did not see made: where the data is the number of a descriptor that -y or other calls
  /// have shown, it is taken for that.
  func noteInterest(_ operation: Operation, _ place: Int) {
    guard case .wait(let wait) = operation, wait.isEpoll, header.beganAfterStart else { return }
    let id = threads[place].id
    guard let epoll = world.file(world.descriptor(wait.epoll, of: id).file), epoll.kind == .epoll else { return }
    for entry in scratch.waits(wait.entries) {
      guard epoll.interest.entries.count < 4096, epoll.interest.entry(data: entry.data) == nil else { continue }
      let number = entry.data & 0xFFFF_FFFF
      guard number > 0, number < 65536 else { continue }
      let fd = FD(number)
      if !world.descriptor(fd, of: id).isOpen {
        tell(
          id,
          .existing(ExistingDescriptor(fd: fd, kind: .unknown, link: .empty, inode: 0, flags: 2, sameAs: -1)))
        sayOnce(
          .log, "entries of epoll instances from before it are taken for the descriptor whose number is in their data",
          place)
      }
      // Level-triggered, since the one that is reported again and again without being asked for anew is.
      tell(id, .interest(epoll: wait.epoll, fd: fd, events: entry.returned.union(.input), data: entry.data))
    }
  }

  // MARK: Messages

  /// A message that carries descriptors was sent, or has come. What the model could not follow (the read returned before the write, or
  /// the sockets are no pair) is known by what -y says of both ends, or by their count.
  func notePassed(_ transfer: Transfer, _ place: Int, result: Int64) {
    guard result >= 0 else { return }
    if transfer.direction == .output {
      // Those of the call, without the socket's own.
      let sent = reader.arguments.mentions.dropFirst()
      guard !transfer.passed.isEmpty, !sent.isEmpty else { return }
      if passed.count >= 16 { passed.removeFirst() }
      passed.append(
        PassedDescriptors(thread: threads[place].id, numbers: sent.map(\.fd), texts: sent.map { text($0.annotation) }))
      return
    }
    let received = reader.arguments.received
    guard !received.isEmpty else { return }
    let texts = received.map { text($0.annotation) }
    release(until: now)
    let id = threads[place].id
    let sender = passed.last { $0.numbers.count == received.count && $0.texts == texts }
    for (index, mention) in received.enumerated() where !world.descriptor(mention.fd, of: id).isOpen {
      let identity =
        mention.annotation.map { DescriptorIdentity(Scanner(reader.arguments.bytes, $0)) }
        ?? DescriptorIdentity(kind: .unknown)
      var found = ExistingDescriptor(
        fd: mention.fd, kind: identity.kind, link: intern(texts[index]), inode: identity.inode, flags: 2, sameAs: -1)
      if let sender {
        found.sameAs = sender.numbers[index]
        found.sameIn = sender.thread
      }
      tell(id, .existing(found))
    }
  }

  private func text(_ annotation: Range<Int>?) -> [UInt8] {
    annotation.map { Scanner(reader.arguments.bytes, $0).text($0) } ?? []
  }

  // MARK: Locks

  /// A file was locked, or unlocked.
  func noteLock(_ fd: FD, _ operation: Int32, _ place: Int) {
    release(until: now)
    guard let file = world.file(world.descriptor(fd, of: threads[place].id).file) else { return }
    lockers[file.serial] = operation & 3 != 0 ? threads[place].record.process : nil
  }

  /// A thread sleeps in flock: who has the file open that was locked by another process than itself.
  func describeHolders(of fd: FD, _ operation: Int32, _ place: Int) {
    let id = threads[place].id
    guard !lockers.isEmpty, operation & 3 != 0, operation & 4 == 0,
      let wanted = world.file(world.descriptor(fd, of: id).file), wanted.kind == .file
    else { return }
    for process in world.living where process != threads[place].record.process {
      guard let thread = world.threads(of: process).first, let table = world.table(of: process) else { continue }
      for (number, descriptor) in table.open {
        guard let file = world.file(descriptor.file), file.kind == .file, file.name == wanted.name,
          let taker = lockers[file.serial], taker != process
        else { continue }
        tell(
          thread,
          .existing(
            ExistingDescriptor(
              fd: number, kind: .file, link: file.name, inode: 0, flags: descriptor.closeOnExec ? 0o2000002 : 2,
              sameAs: -1)))
      }
    }
  }
}

/// Descriptors that were sent in one message, and what -y says of them.
struct PassedDescriptors {
  var thread: ThreadID
  var numbers: [FD]
  var texts: [[UInt8]]
}
