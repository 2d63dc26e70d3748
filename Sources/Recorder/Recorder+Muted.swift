// What a forked child takes out of the epoll instance that it shares with its parent: whether the parent misses anything by it.
//
// Of pipes, eventfds and socketpairs the account of bytes tells. What a socket holds the kernel is asked, where the parent stands still
// anyway: when its wait on that instance has returned, and when it ends. The answer goes into the trace as an `existing` event.

import CLinux
import Lineage
import Trace

/// A descriptor that was taken out of an epoll instance.
struct MutedNumber {
  var epoll: UInt32
  var fd: FD
  var file: UInt32
  var by: ProcessID
  var asked: Nanoseconds = 0
  var told = 0
}

extension Recorder {
  private static let mostMuted = 64
  private static let mostTold = 4
  /// How often the kernel is asked about one of them.
  private static let askingInterval: Nanoseconds = 5_000_000

  /// epoll_ctl begins.
  func noteMuting(_ epoll: FD, _ op: Int32, _ fd: FD, _ tracee: Tracee) {
    guard op != 1, muted.count < Self.mostMuted, case .inherited = world.descriptor(epoll, of: tracee.id).how,
      let instance = world.file(world.descriptor(epoll, of: tracee.id).file), instance.hasCopies,
      let target = world.file(world.descriptor(fd, of: tracee.id).file), target.kind == .socket,
      world.isForeign(instance.channel, to: tracee.process.id),
      !muted.contains(where: { $0.epoll == instance.serial && $0.file == target.serial })
    else { return }
    muted.append(MutedNumber(epoll: instance.serial, fd: fd, file: target.serial, by: tracee.process.id))
  }

  /// A wait on an epoll instance has returned, or its thread ends in it.
  func askMuted(_ epoll: FD, _ tracee: Tracee) {
    guard let instance = world.file(world.descriptor(epoll, of: tracee.id).file) else { return }
    let time = now
    for place in muted.indices
    where muted[place].epoll == instance.serial && muted[place].by != tracee.process.id
      && muted[place].told < Self.mostTold && time - muted[place].asked >= Self.askingInterval
    {
      let fd = muted[place].fd
      muted[place].asked = time
      guard world.file(world.descriptor(fd, of: tracee.id).file)?.serial == muted[place].file,
        clinux_is_readable(tracee.process.pid, fd) != 0, let found = ProcFS.descriptor(fd, of: tracee.tid)
      else { continue }
      muted[place].told += 1
      emit(
        tracee,
        .existing(
          ExistingDescriptor(
            fd: fd, kind: found.kind, link: intern(found.link, as: .link), inode: found.inode,
            flags: ProcFS.flags(fd, of: tracee.tid), sameAs: fd,
            waiting: max(1, ProcFS.waiting(fd, .socket, of: tracee.process.pid)))))
    }
  }

  /// The thread ends: in a wait?
  func askMuted(atEndOf tracee: Tracee) {
    guard !muted.isEmpty, case .wait(let wait)? = tracee.call?.operation, wait.isEpoll else { return }
    askMuted(wait.epoll, tracee)
  }
}
