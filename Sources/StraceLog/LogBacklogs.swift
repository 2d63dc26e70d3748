// Connections that wait to be accepted. A recorder asks the kernel whether a socket that a wait does not tell of has something; a log has
// counted who connected to its address, and who was accepted.

import Lineage
import Trace

/// A listening socket of the log's.
struct LogBacklog {
  var address: StringID
  var waiting: UInt64 = 0
  /// What was told of it.
  var told: UInt64 = 0
}

extension StraceReader {
  func noteConnections(_ operation: Operation, _ place: Int, result: Int64) {
    switch operation {
    case .listen(let fd) where result == 0:
      release(until: now)
      guard let file = world.file(world.descriptor(fd, of: threads[place].id).file), file.address != .empty else {
        return
      }
      backlogs[file.serial] = LogBacklog(address: file.address)
    // EINPROGRESS: the kernel completes it.
    case .connect(_, let address) where (result == 0 || result == -115) && !backlogs.isEmpty:
      for (serial, backlog) in backlogs where backlog.address == address { backlogs[serial]!.waiting += 1 }
    case .accept(let fd, _) where result >= 0 && !backlogs.isEmpty:
      guard let file = world.file(world.descriptor(fd, of: threads[place].id).file), let known = backlogs[file.serial],
        known.waiting > 0
      else { return }
      backlogs[file.serial]!.waiting -= 1
      backlogs[file.serial]!.told = 0
    case .wait(let wait) where wait.isEpoll && !backlogs.isEmpty: tellBacklogs(place)
    default: break
    }
  }

  /// An epoll instance has told what it knows: sockets with connections that it no longer tells of are told by what is known of them.
  private func tellBacklogs(_ place: Int) {
    let id = threads[place].id
    guard backlogs.values.contains(where: { $0.waiting > $0.told }),
      let table = world.table(of: threads[place].record.process)
    else { return }
    for (fd, descriptor) in table.open {
      guard let file = world.file(descriptor.file), let backlog = backlogs[file.serial], backlog.waiting > backlog.told
      else { continue }
      backlogs[file.serial]!.told = backlog.waiting
      tell(
        id,
        .existing(
          ExistingDescriptor(
            fd: fd, kind: .socket, link: file.name, inode: 0, flags: descriptor.closeOnExec ? 0o2000002 : 2, sameAs: -1,
            waiting: backlog.waiting)))
    }
  }
}
