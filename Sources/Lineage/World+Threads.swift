// Threads: who they are, which is kept, and what they are in the middle of, which is not.

import Trace

extension World {
  @inlinable public func thread(_ id: ThreadID) -> ThreadState? {
    threads[id.position]
  }

  /// The process of a thread that has begun.
  @inlinable @inline(__always) public func processID(of id: ThreadID) -> ProcessID? {
    threads[id.position]?.process
  }

  /// Where what a living thread is in the middle of lies in `work`, else -1.
  @inline(__always)
  func workSlot(of id: ThreadID) -> Int {
    guard let slot = threads[id.position]?.slot, slot >= 0, work[Int(slot)].owner == id
    else { return -1 }
    return Int(slot)
  }

  /// The handlers that the thread is inside of, outermost first.
  public func frames(of id: ThreadID) -> [HandlerFrame] {
    let slot = workSlot(of: id)
    return slot >= 0 ? work[slot].frames : []
  }

  /// Whether the thread is inside of a handler.
  public func isInHandler(_ id: ThreadID) -> Bool {
    let slot = workSlot(of: id)
    return slot >= 0 && !work[slot].frames.isEmpty
  }

  /// The handler on whose behalf the thread acts: that of the innermost frame, or the one that has just returned.
  public func actingHandler(of id: ThreadID) -> HandlerFrame? {
    let slot = workSlot(of: id)
    return slot >= 0 && work[slot].isHandling ? work[slot].handler : nil
  }

  /// The signal of that handler, else 0.
  @inline(__always)
  func actingSignal(of id: ThreadID) -> Int32 {
    let slot = workSlot(of: id)
    return slot >= 0 && work[slot].isHandling ? work[slot].handler?.signal ?? 0 : 0
  }

  /// The call that the thread is inside of.
  public func openCall(of id: ThreadID) -> OpenCall? {
    let slot = workSlot(of: id)
    return slot >= 0 ? work[slot].openCall : nil
  }

  /// The wait that the thread made last.
  public func lastWait(of id: ThreadID) -> OpenCall? {
    let slot = workSlot(of: id)
    return slot >= 0 ? work[slot].lastWait : nil
  }

  /// Descriptors of the wait that the thread is inside of.
  public func openWaits(of id: ThreadID) -> [WaitEntry] {
    let slot = workSlot(of: id)
    return slot >= 0 ? work[slot].openWaits : []
  }

  /// The tid that holds the lock that the thread waits for, where the lock tells.
  public func lockOwner(of id: ThreadID) -> Int32? {
    let slot = workSlot(of: id)
    return slot >= 0 ? work[slot].lockedBy : nil
  }

  mutating func addThread(_ state: ThreadState) {
    threadCount = max(threadCount, state.id.position + 1)
    threads[state.id.position] = state
    takeUp(state.id)
  }

  /// The thread lives: it gets a slot for what it does. One that comes back to life (exec) gets its own, if nobody has it.
  mutating func takeUp(_ id: ThreadID) {
    guard workSlot(of: id) < 0 else { return }
    let former = Int(threads[id.position]!.slot)
    let slot: Int
    if former >= 0, let place = freeWork.lastIndex(of: former) {
      slot = freeWork.remove(at: place)
    } else if let free = freeWork.popLast() {
      slot = free
    } else {
      work.append(ThreadWork())
      slot = work.count - 1
    }
    work[slot].owner = id
    threads[id.position]!.slot = Int32(slot)
  }

  /// The thread has ended.
  mutating func layDown(_ id: ThreadID) {
    let slot = workSlot(of: id)
    guard slot >= 0 else { return }
    work[slot].clear()
    freeWork.append(slot)
  }
}
