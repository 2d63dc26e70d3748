// What only a call's return tells: the numbers of new descriptors, what an open found, what a wait got.

import Lineage
import Ptrace
import Trace

extension CallDecoder {
  /// Completes the operation of a call that has returned. `result` may change (bytes for the mmsg calls).
  func returned(
    _ call: PendingCall, result: inout Int64, arena: inout Arena, owner: (Int32) -> ThreadID
  ) -> Operation {
    switch call.operation {
    case .wait(let wait): return .wait(returned(wait, call, result: result, arena: &arena))
    case .transfer(let transfer):
      return .transfer(returned(transfer, call, result: &result, arena: &arena))
    default: break
    }
    guard result >= 0 else { return call.operation }
    switch call.operation {
    case .pipe(_, _, let flags, _):
      let pair = memory.load(call.argument(0), as: UInt64.self) ?? UInt64.max
      let read = FD(truncatingIfNeeded: pair)
      let write = FD(truncatingIfNeeded: pair >> 32)
      return .pipe(
        read: read, write: write, flags: flags,
        inode: ProcFS.descriptor(read, of: memory.tid)?.inode ?? 0)
    case .socketPair(_, _, let domain, let type):
      let pair = memory.load(call.argument(3), as: UInt64.self) ?? UInt64.max
      return .socketPair(
        first: FD(truncatingIfNeeded: pair), second: FD(truncatingIfNeeded: pair >> 32), domain: domain, type: type)
    case .open(let path, let flags, _, _):
      let found = ProcFS.descriptor(FD(truncatingIfNeeded: result), of: memory.tid)
      return .open(path: path, flags: flags, kind: found?.kind ?? .other, inode: found?.inode ?? 0)
    case .takeDescriptor(let pidfd, let remote, _):
      let pid = ProcFS.pidBehind(pidfd, of: memory.tid) ?? -1
      return .takeDescriptor(pidfd: pidfd, remote: remote, owner: owner(pid))
    default: return call.operation
    }
  }
}
