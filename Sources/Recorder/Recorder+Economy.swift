// Calls that need fewer stops: what is not worth telling runs on at once, and where the result is known ahead the return is not
// waited for.

import Glibc
import Lineage
import Ptrace
import Trace

extension Recorder {
  /// Whether the filter stopped a call on a number that is armed and means nothing of interest now: a file took the number, in this
  /// process or in one that was forked from it.
  func isNotWorthTelling(_ tracee: Tracee, _ syscall: Syscall, _ arguments: Arguments) -> Bool {
    guard hasFilter, scope != .all, hasBegun, syscall != .sendfile else { return false }
    // F_SETFD and F_SETFL; of copies more must be known.
    let isChange = syscall == .fcntl && [2, 4].contains(arguments.1)
    if !isChange { guard case .armed = SyscallTable.rule(syscall) else { return false } }
    let fd = FD(truncatingIfNeeded: arguments.0)
    let isClosing = isChange || syscall == .close || syscall == .ioctl
    var file = world.file(world.descriptor(fd, of: tracee.id).file)
    if file == nil {
      // What is closed unknown needs no name.
      if isClosing { return true }
      lookUp(fd, tracee)
      file = world.file(world.descriptor(fd, of: tracee.id).file)
    }
    guard let file else { return false }
    // In a process that is not watched a socket has but taken the number of a channel that was inherited.
    if scope == .light, file.kind == .socket, !isClosing, !armsChannels(tracee), !isInherited(fd, tracee) {
      return true
    }
    // A lock is a file's (retry-spin); so is its end, which a loop may not take for an answer.
    if file.channel >= 0 || isClosing || syscall == .flock { return false }
    return tracee.process.polledFiles.isEmpty || !tracee.process.polledFiles.contains(fd)
  }

  private func isInherited(_ fd: FD, _ tracee: Tracee) -> Bool {
    if case .inherited = world.descriptor(fd, of: tracee.id).how { return true }
    return false
  }

  /// The result of a call that cannot but succeed, as far as the model tells; nil if its return must be seen.
  func resultKnownAhead(_ tracee: Tracee) -> Int64? {
    guard hasFilter, scope != .all, hasBegun, !tracee.process.stopsAtAllCalls, let call = tracee.call, !isHolding else {
      return nil
    }
    func isOpen(_ fd: FD) -> Bool { world.descriptor(fd, of: tracee.id).isOpen }
    switch call.operation {
    case .close(let fd), .setCloseOnExec(let fd, _):
      // Where threads share a table, the order of its changes is that of their returns.
      return isOpen(fd) && !world.isTableShared(by: tracee.id) ? 0 : nil
    case .setNonblocking(let fd, _): return isOpen(fd) ? 0 : nil
    case .signalAction(let signal, _):
      // kernel/signal.c, do_sigaction and rt_sigaction: sizeof(sigset_t) is 8.
      return (1...64).contains(signal) && signal != SIGKILL && signal != SIGSTOP && call.argument(3) == 8 ? 0 : nil
    case .epollControl(let epoll, let op, let fd, _, _): return isPlain(epoll, op, fd, tracee) ? 0 : nil
    case .transfer(let transfer): return isCounted(transfer, tracee) ? 8 : nil
    default: return nil
    }
  }

  /// Whether epoll_ctl will do what it is asked for (epoll_ctl(2), ERRORS).
  private func isPlain(_ epoll: FD, _ op: Int32, _ fd: FD, _ tracee: Tracee) -> Bool {
    guard let instance = world.file(world.descriptor(epoll, of: tracee.id).file), instance.kind == .epoll,
      let target = world.file(world.descriptor(fd, of: tracee.id).file), target.channel >= 0, target.kind != .epoll
    else { return false }
    let isIn = instance.interest.contains(fd: fd, serial: target.serial)
    return op == 1 ? !isIn : isIn && (op == 2 || op == 3)
  }

  /// Whether it adds to an eventfd's counter, far from its limit (fs/eventfd.c, eventfd_write).
  private func isCounted(_ transfer: Transfer, _ tracee: Tracee) -> Bool {
    guard transfer.direction == .output, transfer.requested >= 8, transfer.payload.count >= 8,
      let file = world.file(world.descriptor(transfer.fd, of: tracee.id).file), file.kind == .eventfd,
      let channel = world.channel(file.channel), !channel.predates
    else { return false }
    let value = World.counterValue(tracee.arena.bytes(transfer.payload))
    return value < 1 << 32 && channel.queue.unread < 1 << 32
  }
}
