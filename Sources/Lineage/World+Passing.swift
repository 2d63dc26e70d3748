// Descriptors on their way in messages (SCM_RIGHTS, unix(7)): from the sender's number to the open file, to the receiver's
// number.

import Trace

extension World {
  /// Between the messages of sendmmsg and recvmmsg, in `Transfer.passed`.
  private static let messageEnd: Int32 = -1

  /// Open files leave with a message. Only a socketpair tells who will receive; what comes out of a connected socket the
  /// recorder looks up.
  mutating func pass(
    _ transfer: Transfer, _ event: Event, from position: UInt64, file: Int32, channel slot: Int32, arena: Arena
  ) {
    guard channels[Int(slot)].kind == .socketpair else { return }
    let isBack = files[Int(file)].side == .first
    var place = position
    for part in arena.numbers(transfer.passed).split(separator: Self.messageEnd, omittingEmptySubsequences: false) {
      // Of a stream the messages of one call cannot be told apart by their bytes: they all go with the first.
      defer { if channels[Int(slot)].isDatagram { place &+= 1 } }
      let numbers = part.filter { descriptor($0, of: event.thread).file >= 0 }
      let sent = numbers.map { descriptor($0, of: event.thread).file }
      let taken = isBack ? channels[Int(slot)].backQueue.taken : channels[Int(slot)].queue.taken
      // A read that returned before this write did has them already.
      guard !sent.isEmpty, place >= taken else { continue }
      for file in sent { files[Int(file)].references += 1 }
      let message = PassingMessage(
        position: place, landed: event.exited, files: sent, sender: event.thread, numbers: Array(numbers))
      if isBack {
        channels[Int(slot)].passingBack.append(message)
      } else {
        channels[Int(slot)].passing.append(message)
      }
    }
  }

  /// What a read brought: descriptors of the messages that it touched. What the receiver gave no room to, or took by a call
  /// that knows no descriptors, is gone (Linux 6.1, net/core/scm.c, scm_detach_fds; net/unix/af_unix.c).
  mutating func receive(
    _ transfer: Transfer, _ result: CallResult, _ event: Event, file receiver: Int32, channel slot: Int32,
    from start: UInt64, arena: Arena
  ) {
    guard channels[Int(slot)].kind == .socketpair, result.succeeded else { return }
    let isBack = files[Int(receiver)].side == .second
    let messages = isBack ? channels[Int(slot)].backQueue : channels[Int(slot)].queue
    let end = transfer.peeks ? start &+ max(1, result.count) : messages.taken
    let closeOnExec = transfer.flags & 0x4000_0000 != 0
    var numbers = arena.numbers(transfer.passed).split(separator: Self.messageEnd, omittingEmptySubsequences: true)[...]
    var gone: [PassingMessage] = []
    for message in isBack ? channels[Int(slot)].passingBack : channels[Int(slot)].passing {
      guard message.position < end else { break }
      if message.position >= start, let part = numbers.popFirst() {
        for (file, fd) in zip(message.files, part) {
          install(file, at: fd, of: event.thread, .received, closeOnExec: closeOnExec, time: event.exited)
        }
        let count = min(message.files.count, part.count)
        arrivals.append(
          Arrival(
            sender: message.sender, sent: message.landed, from: Array(message.numbers.prefix(count)),
            to: Array(part.prefix(count))))
      }
      gone.append(message)
    }
    if transfer.peeks { return }
    forget(gone, of: slot, isBack: isBack, by: event.thread, at: event.exited)
  }

  /// A read found nothing: what was on its way before it began is gone.
  mutating func dropPassing(of slot: Int32, isBack: Bool, landedBefore time: Nanoseconds, by thread: ThreadID) {
    let passing = isBack ? channels[Int(slot)].passingBack : channels[Int(slot)].passing
    forget(Array(passing.prefix { $0.landed < time }), of: slot, isBack: isBack, by: thread, at: time)
  }

  /// The first messages of a queue have been taken.
  private mutating func forget(
    _ gone: [PassingMessage], of slot: Int32, isBack: Bool, by thread: ThreadID, at time: Nanoseconds
  ) {
    guard !gone.isEmpty else { return }
    if isBack {
      channels[Int(slot)].passingBack.removeFirst(gone.count)
    } else {
      channels[Int(slot)].passing.removeFirst(gone.count)
    }
    for message in gone {
      for file in message.files { unreference(file, by: thread, at: time) }
    }
  }
}
