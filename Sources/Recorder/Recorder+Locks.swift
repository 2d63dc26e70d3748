// What is known of a futex that a thread sleeps on: who holds the lock, by its own words, and whether a forked child inherited it as it is.

import Lineage
import Ptrace
import Trace

extension Recorder {
  /// Writes down who holds the mutex that the thread waits for, where its words tell: those of a PI lock name the owner; other
  /// words may be anything, so that they must look like glibc's mutex, and name a thread that this process or a process that it
  /// was forked from has, or had.
  func noteLock(_ tracee: Tracee) {
    guard case .futex(let address, let operation, let value) = tracee.call?.operation else { return }
    let memory = memory(of: tracee)
    // Locks that processes share are another matter (FUTEX_PRIVATE_FLAG): their owner may be anybody.
    guard operation & 128 != 0, let word = memory.load(address, as: UInt32.self) else { return }
    switch operation & 0x7F {
    // FUTEX_WAIT of a lock with waiters. struct __pthread_mutex_s: lock, count, owner, nusers, kind.
    case 0 where value == 2 && word == 2:
      guard let owner = memory.load(address &+ 8, as: Int32.self), owner > 0,
        let users = memory.load(address &+ 12, as: UInt32.self), (1...65536).contains(users),
        let kind = memory.load(address &+ 16, as: UInt32.self), kind < 512,
        isOfFamily(owner, tracee)
      else { return noteInheritedLock(tracee, address, operation, value) }
      emit(tracee, .lockedBy(tid: owner))
    // FUTEX_LOCK_PI, FUTEX_LOCK_PI2.
    case 6, 13:
      let owner = Int32(bitPattern: word & 0x3FFF_FFFF)
      if owner > 0, isOfFamily(owner, tracee) { emit(tracee, .lockedBy(tid: owner)) }
    default: noteInheritedLock(tracee, address, operation, value)
    }
  }

  private func isOfFamily(_ tid: Int32, _ tracee: Tracee) -> Bool {
    // A thread that has ended stands in the model alone.
    for thread in world.threads where thread.tid == tid {
      if thread.process == tracee.process.id || world.descends(tracee.process.id, from: thread.process) { return true }
    }
    guard let family = ProcFS.family(of: tid) else { return false }
    var ancestor = tracee.process.pid
    while ancestor > 1 {
      if family.process == ancestor { return true }
      guard let next = ProcFS.family(of: ancestor)?.parent else { return false }
      ancestor = next
    }
    return false
  }

  /// A lock that tells no owner, in a forked child: tid 0 if it must have been there, and locked, at the fork.
  ///
  /// FUTEX_WAIT for the value 2 is that of a locked lock (glibc's lowlevellock.h; Rust's and others' follow Drepper, "Futexes are
  /// tricky"): a child of one thread cannot have locked it in another. Semaphores and conditions must be the parent's too: a variable
  /// of a loaded file, or in the heap a semaphore in a block of the same size, with the parent's words making sense as one.
  private func noteInheritedLock(_ tracee: Tracee, _ address: UInt64, _ operation: UInt32, _ value: UInt32) {
    guard tracee.process.wasForkedAmongThreads, tracee.process.threads == 1 else { return }
    if value == 2 || isVariable(address, of: tracee.tid) || isParentsSemaphore(address, value, tracee) {
      emit(tracee, .lockedBy(tid: 0))
    }
  }

  /// Whether the address lies in the writable part of a file that is mapped, or right behind it (.data and .bss).
  private func isVariable(_ address: UInt64, of tid: Int32) -> Bool {
    guard let maps = ProcFS.read("/proc/\(tid)/maps") else { return false }
    var fileEnd: UInt64 = 0
    for line in maps.split(separator: 10) {
      let words = line.split(separator: 32, maxSplits: 5, omittingEmptySubsequences: true)
      let bounds = words[0].split(separator: UInt8(ascii: "-")).compactMap {
        UInt64(String(decoding: $0, as: UTF8.self), radix: 16)
      }
      guard words.count >= 5, bounds.count == 2 else { continue }
      let isFile = words.count > 5 && words[5].first { $0 != 32 } == UInt8(ascii: "/")
      let isBehindFile = words.count == 5 && bounds[0] == fileEnd
      if bounds[0] <= address, address < bounds[1] { return isFile || isBehindFile }
      fileEnd = isFile ? bounds[1] : 0
    }
    return false
  }

  /// struct new_sem of glibc on 64 bits (2.36, internaltypes.h): value, waiters, private; in front of it malloc's word of the block's
  /// size.
  private func isParentsSemaphore(_ address: UInt64, _ value: UInt32, _ tracee: Tracee) -> Bool {
    guard value == 0, let parent = world.parent(of: tracee.process.id), let state = world.process(parent),
      state.isAlive, (state.lastExec ?? 0) < world.started(tracee.process.id),
      let other = tracees.values.first(where: { $0.process.id == parent })
    else { return false }
    let own = memory(of: tracee)
    let theirs = memory(of: other)
    guard let size = own.load(address &- 8, as: UInt64.self), (0x20...0x100).contains(size & ~7),
      theirs.load(address &- 8, as: UInt64.self) == size,
      own.load(address &+ 8, as: UInt32.self) == 0,
      theirs.load(address &+ 8, as: UInt64.self).map({ $0 & 0xFFFF_FFFF }) == 0,
      own.load(address &+ 12, as: UInt32.self) == theirs.load(address &+ 12, as: UInt32.self),
      let count = theirs.load(address, as: UInt32.self), count <= 1,
      let waiters = theirs.load(address &+ 4, as: UInt32.self), waiters < 4096
    else { return false }
    return true
  }

  /// A thread sleeps in flock: which traced processes have the file locked that did not lock it themselves (the `lock:` lines of fdinfo,
  /// proc(5): number, kind, mode, access, pid of who took it, ...).
  func noteFileLock(_ tracee: Tracee) {
    guard case .lock(let fd, _) = tracee.call?.operation,
      let file = world.file(world.descriptor(fd, of: tracee.id).file), file.kind == .file,
      let path = ProcFS.link("/proc/\(tracee.tid)/fd/\(fd)")
    else { return }
    for other in tracees.values where other.process !== tracee.process && other.tid == other.process.pid {
      for number in ProcFS.descriptors(of: other.tid) where ProcFS.link("/proc/\(other.tid)/fd/\(number)") == path {
        guard let words = ProcFS.field("lock:", of: "/proc/\(other.tid)/fdinfo/\(number)")?.split(separator: " "),
          words.count > 4, words[1] == "FLOCK", words[4] != "\(other.process.pid)"
        else { continue }
        describe(number, of: other)
      }
    }
  }
}
