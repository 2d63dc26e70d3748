// What the writer remembers of each thread that lives: the begin that it holds back, the begin that stands in the file, and how
// its calls repeat.

/// One thread. Times in ticks.
struct WriterThread {
  var thread: ThreadID
  var repetition = Repetition()
  /// A begin that is not in the file, or in its tail only.
  fileprivate(set) var holdsBegin = false
  fileprivate(set) var beginEntered: UInt64 = 0
  /// Its fields, as a record has them.
  fileprivate(set) var beginBody: [UInt8] = []
  /// How often it was put into the tail.
  fileprivate var tellings = 0
  /// Its place among those that are held.
  fileprivate var place = 0
  /// The last begin that was written for good: when it was entered, and the chunk.
  var begun: (entered: UInt64, chunk: UInt64)?
}

/// All threads, in slots that are used again.
struct WriterThreads {
  /// A begin that was told so often lasts: it is written for good, so that those of sleepers do not cost anew at each
  /// turn of one that spins. While few are held that costs little, and a thread that waits for a processor is no sleeper.
  private var lasting: Int { max(64, 4096 / max(1, heldCount)) }
  /// Threads beyond that number are written without memory of what they did.
  private static let most = 1 << 24

  private var slots: [WriterThread] = []
  private var free: [Int] = []
  private var slotOf: [Int32] = []
  /// The slots of those that hold a begin, in the order in which these were entered; -1 for one that has ended.
  private var held: [Int] = []
  private(set) var heldCount = 0
  private(set) var heldBytes = 0
  /// How many of `held`, from the first, are in the tail, or were handed over.
  private var told = 0
  private var taken = 0
  /// A writer that the owner may exchange with its own meanwhile.
  var spare = ByteWriter()

  subscript(slot: Int) -> WriterThread {
    _read { yield slots[slot] }
    _modify { yield &slots[slot] }
  }

  /// The slot of a thread; nil for none that is known.
  mutating func slot(of thread: ThreadID) -> Int? {
    guard thread.position < Self.most else { return nil }
    if thread.position < slotOf.count, slotOf[thread.position] >= 0 { return Int(slotOf[thread.position]) }
    while slotOf.count <= thread.position { slotOf.append(-1) }
    let slot: Int
    if let known = free.popLast() {
      slot = known
      slots[slot].thread = thread
    } else {
      slot = slots.count
      slots.append(WriterThread(thread: thread))
    }
    slotOf[thread.position] = Int32(slot)
    return slot
  }

  /// The thread has ended; it holds no begin any more.
  mutating func remove(_ thread: ThreadID) {
    guard thread.position < slotOf.count, slotOf[thread.position] >= 0 else { return }
    let slot = Int(slotOf[thread.position])
    slotOf[thread.position] = -1
    slots[slot].repetition.forget()
    slots[slot].begun = nil
    free.append(slot)
  }

  // MARK: Held begins

  var holdsBegins: Bool { heldCount > 0 }

  mutating func hold(_ slot: Int, entered: UInt64, body: [UInt8]) {
    slots[slot].holdsBegin = true
    slots[slot].beginEntered = entered
    slots[slot].beginBody.removeAll(keepingCapacity: true)
    slots[slot].beginBody.append(contentsOf: body)
    slots[slot].tellings = 0
    slots[slot].place = held.count
    slots[slot].begun = nil
    held.append(slot)
    heldCount += 1
    heldBytes += body.count
  }

  /// The begin is not held any more; true if it is in the tail.
  mutating func release(_ slot: Int) -> Bool {
    slots[slot].holdsBegin = false
    let place = slots[slot].place
    held[place] = -1
    heldCount -= 1
    heldBytes -= slots[slot].beginBody.count
    let wasTold = place < told
    while let last = held.last, last < 0 { held.removeLast() }
    told = min(told, held.count)
    return wasTold
  }

  /// Hands over the held begins one by one, in their order; none may be in the tail.
  mutating func takeHeld() -> Int? {
    while taken < held.count {
      let slot = held[taken]
      taken += 1
      guard slot >= 0 else { continue }
      slots[slot].holdsBegin = false
      return slot
    }
    held.removeAll(keepingCapacity: true)
    taken = 0
    heldCount = 0
    heldBytes = 0
    told = 0
    return nil
  }

  /// Hands over those that were in the tail many times; none may be in it now. The older, the more often.
  mutating func takeLasting() -> Int? {
    if held.count > 2 * heldCount + 16 { compact() }
    guard let slot = held.first(where: { $0 >= 0 }), slots[slot].tellings >= lasting else { return nil }
    _ = release(slot)
    return slot
  }

  private mutating func compact() {
    held.removeAll { $0 < 0 }
    for place in held.indices { slots[held[place]].place = place }
  }

  // MARK: The tail

  /// The first that is not in the tail.
  mutating func nextUntold() -> Int? {
    while told < held.count, held[told] < 0 { told += 1 }
    return told < held.count ? held[told] : nil
  }

  mutating func tell(_ slot: Int) {
    slots[slot].tellings += 1
    told += 1
  }

  /// The tail was taken back.
  mutating func untell() { told = 0 }
}
