// Takes the stacks of stopped threads: native frames by libunwind, Python's from CPython's own structures, and tells each part once.

import CUnwind
import Trace

/// What a taker learned of one memory map; of forked processes until one of them is found to have another.
public struct StackSpace {
  var code: CodeSpace?
  /// When the map was read last, and how long it is left alone if that does not help, ns.
  var read: UInt64 = 0
  var patience: UInt64 = 0

  public init() {}
}

/// What a thread's last stacks were, and by which words of its memory each is known to be the same again. A forked child has those of
/// its parent: its memory is the same.
public struct StackMemo {
  struct Entry {
    var instructionPointer: UInt64 = 0
    var stackPointer: UInt64 = 0
    var space: UInt64 = 0
    var places: [UInt64] = []
    var words: [UInt64] = []
    var stack: StackID?
  }

  /// A loop makes a few calls in turn.
  private static let most = 6
  private var entries: [Entry] = []
  private var next = 0

  public init() {}

  /// The one that begins there and of which `isSame` is true.
  func entry(
    _ instructionPointer: UInt64, _ stackPointer: UInt64, _ space: UInt64, where isSame: (Entry) -> Bool
  ) -> Entry? {
    entries.first {
      $0.instructionPointer == instructionPointer && $0.stackPointer == stackPointer && $0.space == space && isSame($0)
    }
  }

  mutating func keep(_ entry: Entry) {
    if entries.count < Self.most {
      entries.append(entry)
    } else {
      entries[next] = entry
      next = (next + 1) % Self.most
    }
  }
}

/// What stacks cost.
public struct StackCounters: Sendable {
  /// Stacks that were asked for, those that were the thread's last one, and those that no stack had been like.
  public var taken: UInt64 = 0
  public var same: UInt64 = 0
  public var new: UInt64 = 0
  /// Native frames of those that were walked.
  public var frames: UInt64 = 0
  /// Reads of targets' memory.
  public var reads: UInt64 = 0
  /// Memory maps that were read.
  public var maps: UInt64 = 0
}

public final class StackTaker {
  public private(set) var counters = StackCounters()
  /// Says, once for each build, why no Python frames are told.
  public var refused: (String) -> Void = { _ in }
  /// Whose names to look for, by which the program's runtime calls the thread and its process, and who is told.
  public var wantedNames: Set<GivenName> {
    get { python.wantedNames }
    set { python.wantedNames = newValue }
  }
  public var named: (GivenName, StringID) -> Void = { _, _ in }

  private let mostFrames: Int
  /// A text, and whether it is the name of a file.
  private let intern: ([UInt8], Bool) -> StringID
  private let define: (StackDefinition) -> Void
  private let memory = TargetMemory()
  private let python = PythonFrames()
  private var buffer: UnsafeMutablePointer<cunwind_frame>
  private var modules: [ModuleRecord: ModuleID] = [:]
  private var frameNumbers: [FrameRecord: FrameID] = [:]
  private var stackNumbers: [StackRecord: StackID] = [:]
  private var saidRefusals: Set<String> = []
  /// By module, its path; and frames whose address is that of the instruction itself.
  private var paths: [ModuleID: (record: ModuleRecord, path: [UInt8])] = [:]
  private var interruptedFrames: Set<FrameID> = []

  /// A trace has so many different stacks at the most.
  private static let mostStacks = 65536
  /// And of so many different frames; then none are taken any more.
  private static let mostFrameRecords = 262_144
  /// A map is not read again sooner, in ns: code that is made at run time may come to lie anywhere.
  private static let mapInterval: UInt64 = 5_000_000
  private static let longestPatience: UInt64 = 2_000_000_000

  /// - intern: gets a text, and whether it names a file.
  /// - mostFrames: native frames a stack, at most `TraceFormat.longestStack`.
  public init(
    mostFrames: Int = 128, intern: @escaping ([UInt8], Bool) -> StringID, define: @escaping (StackDefinition) -> Void
  ) {
    self.mostFrames = min(max(1, mostFrames), TraceFormat.longestStack)
    self.intern = intern
    self.define = define
    buffer = .allocate(capacity: self.mostFrames)
  }

  deinit { buffer.deallocate() }

  /// Whether libunwind is installed (libunwind-x86_64.so.8; Debian: libunwind8), without which there are no stacks. Loads it.
  public static var isPossible: Bool { cunwind_is_there() != 0 }

  /// The stack of a thread that has stopped, or nil if nothing can be said.
  ///
  /// - registers: struct user_regs_struct (sys/user.h), 27 words.
  /// - now: any clock in ns.
  public func stack(
    of tid: Int32, in pid: Int32, registers: [UInt64], space: inout StackSpace, memo: inout StackMemo, now: UInt64
  ) -> StackID? {
    // rip and rsp; a 32-bit program's code segment is another (0x23).
    guard registers.count >= 27, registers[17] == 0x33, frameNumbers.count < Self.mostFrameRecords else { return nil }
    counters.taken += 1
    defer { counters.reads = memory.reads }
    let code = space.code.flatMap { $0.isStale ? nil : $0 } ?? readMap(of: pid, &space, now)
    memory.begin(tid, code)
    if let stack = memo.entry(registers[16], registers[19], code.serial, where: isSame)?.stack {
      counters.same += 1
      return stack
    }
    return walk(tid, pid, registers, &space, &memo, now)
  }

  private var scratch: [UInt64] = []

  private func isSame(_ memo: StackMemo.Entry) -> Bool {
    for place in memo.places.indices where memory.load(memo.places[place], as: UInt64.self) != memo.words[place] {
      return false
    }
    return true
  }

  private func readMap(of pid: Int32, _ space: inout StackSpace, _ now: UInt64) -> CodeSpace {
    counters.maps += 1
    space.read = now
    let code = CodeSpace(of: pid)
    if let known = space.code, !known.isStale, known.isSameMap(as: code) { return known }
    space.code = code
    return code
  }

  private func walk(
    _ tid: Int32, _ pid: Int32, _ registers: [UInt64], _ space: inout StackSpace, _ memo: inout StackMemo,
    _ now: UInt64
  ) -> StackID? {
    var count = unwind(registers)
    guard var code = space.code else { return nil }
    // An address that lies in no code, or in a file that is another by now: the map is stale.
    var isWhole = isKnown(count, code)
    if !isWhole, now &- space.read > max(space.patience, Self.mapInterval) {
      code = readMap(of: pid, &space, now)
      memory.begin(tid, code)
      count = unwind(registers)
      isWhole = isKnown(count, code)
      space.patience = isWhole ? 0 : min(max(space.patience, Self.mapInterval) * 2, Self.longestPatience)
    }
    // Its names would be another file's.
    if code.isStale { return nil }
    // What lies in no code was no return address: the walk has gone astray there.
    count = (0..<count).first { !code.hasCode(at: buffer[$0].address) } ?? count
    guard count > 0 else { return nil }
    counters.frames += UInt64(count)
    var entry = StackMemo.Entry(instructionPointer: registers[16], stackPointer: registers[19], space: code.serial)
    let native = tell(native: count, code, marking: &entry.places)
    let pythonFrames = pythonFrames(of: registers[21], code, &entry.places)
    let record = StackRecord(
      native: native.frames, python: pythonFrames, interrupted: native.interrupted, isCut: count == mostFrames)
    entry.stack = tell(record)
    guard isWhole else { return entry.stack }
    for place in entry.places {
      // With a word that cannot be read it is not known again.
      guard let word = memory.load(place, as: UInt64.self) else { return entry.stack }
      entry.words.append(word)
    }
    memo.keep(entry)
    return entry.stack
  }

  // MARK: Native frames

  private func unwind(_ registers: [UInt64]) -> Int {
    guard let space = self.memory.space, let unwinder = space.unwinder else { return 0 }
    return registers.withUnsafeBufferPointer { registers in
      var source = cunwind_source(
        context: Unmanaged.passUnretained(memory).toOpaque(),
        read: { context, address, value in
          let memory = Unmanaged<TargetMemory>.fromOpaque(context!).takeUnretainedValue()
          guard let word = memory.load(address, as: UInt64.self) else { return -1 }
          value!.pointee = word
          return 0
        },
        find: { context, address, table in
          let memory = Unmanaged<TargetMemory>.fromOpaque(context!).takeUnretainedValue()
          guard let found = memory.space?.table(for: address, memory) else { return -1 }
          table!.pointee = found
          return 0
        }, registers: registers.baseAddress)
      return cunwind_walk(unwinder, &source, buffer, mostFrames)
    }
  }

  /// Whether all frames lie in code that the map has, and in the files that it has.
  private func isKnown(_ count: Int, _ code: CodeSpace) -> Bool {
    var places: [UInt64] = []
    var words: [UInt64] = []
    var seen: [Int] = []
    for number in 0..<count {
      let address = buffer[number].address
      let known = code.told[address]
      guard known != nil || code.hasCode(at: address) else { return false }
      guard let module = known.map(\.module) ?? code.module(at: address), module >= 0, !seen.contains(module) else {
        continue
      }
      seen.append(module)
      guard let mark = code.examined(module, memory).mark else { continue }
      places.append(mark.address)
      words.append(mark.word)
    }
    guard places.isEmpty || memory.words(at: places, into: &scratch) && scratch == words else {
      // Another file lies there by now.
      code.isStale = true
      return false
    }
    return true
  }

  private func tell(
    native count: Int, _ code: CodeSpace, marking places: inout [UInt64]
  ) -> (frames: [FrameID], interrupted: [UInt32]) {
    var frames: [FrameID] = []
    frames.reserveCapacity(count)
    var interrupted: [UInt32] = []
    for number in 0..<count {
      let frame = buffer[number]
      if frame.saved_at != 0 {
        places.append(frame.saved_at)
        // What a signal interrupted has its stack pointer beside its address (struct sigcontext: rsp, rip).
        if number > 0, buffer[number - 1].is_signal != 0 { places.append(frame.saved_at &- 8) }
      }
      let id = code.told[frame.address]?.frame ?? tell(native: frame.address, code)
      if number == 0 || buffer[number - 1].is_signal != 0 {
        interrupted.append(UInt32(number))
        interruptedFrames.insert(id)
      }
      frames.append(id)
    }
    return (frames, interrupted)
  }

  private func tell(native address: UInt64, _ code: CodeSpace) -> FrameID {
    let id: FrameID
    let place = code.module(at: address)
    if let place {
      let module = code.examined(place, memory)
      let number = code.numbers[place] ?? tell(module)
      code.numbers[place] = number
      id = tell(.native(module: number, address: address &- module.bias))
    } else {
      id = tell(.native(module: .none, address: address))
    }
    code.told[address] = (id, place ?? -1)
    return id
  }

  // MARK: Python frames

  private func pythonFrames(
    of thread: UInt64, _ code: CodeSpace, _ places: inout [UInt64]
  ) -> [StackRecord.PythonFrame] {
    let found: PythonRuntime.Found
    if let known = code.python {
      found = known
    } else {
      found = PythonRuntime.find(in: code, memory)
      code.python = found
    }
    switch found {
    case .none: return []
    case .refused(let what):
      if saidRefusals.insert(what).inserted { refused(what) }
      return []
    case .supported(let runtime):
      let frames = python.frames(of: thread, runtime, space: code, memory, words: &places) ?? []
      if let name = python.threadName { named(.thread, intern(name, false)) }
      if let name = python.processName { named(.process, intern(name, false)) }
      return frames.map { frame in
        StackRecord.PythonFrame(
          frame: tell(
            .python(
              function: intern(frame.place.function, false), file: intern(frame.place.file, true),
              line: Int32(truncatingIfNeeded: frame.place.line))), isEntry: frame.isEntry)
      }
    }
  }

  // MARK: Telling

  /// Tells the names of all native frames that were told, so that the trace can be read where their files are not.
  public func tellNames() {
    let symbols = Symbols()
    for (frame, id) in frameNumbers.sorted(by: { $0.value.index < $1.value.index }) {
      guard case .native(let module, let address) = frame, let (record, path) = paths[module] else { continue }
      let names = symbols.names(of: address, in: record, path: path, isReturn: !interruptedFrames.contains(id))
      guard !names.isEmpty else { continue }
      define(
        .name(
          id,
          names.map { name in
            FrameName(
              function: intern(Array((name.function ?? "").utf8), false),
              file: intern(Array((name.file ?? "").utf8), true),
              line: Int32(clamping: name.line ?? 0))
          }))
    }
  }

  private func tell(_ module: Module) -> ModuleID {
    let record = ModuleRecord(path: intern(module.path, true), buildID: module.buildID, digest: module.digest)
    if let known = modules[record] { return known }
    let id = ModuleID(modules.count)
    modules[record] = id
    paths[id] = (record, module.path)
    define(.module(id, record))
    return id
  }

  private func tell(_ frame: FrameRecord) -> FrameID {
    if let known = frameNumbers[frame] { return known }
    let id = FrameID(frameNumbers.count)
    frameNumbers[frame] = id
    define(.frame(id, frame))
    return id
  }

  private func tell(_ stack: StackRecord) -> StackID? {
    if let known = stackNumbers[stack] { return known }
    guard stackNumbers.count < Self.mostStacks else { return nil }
    counters.new += 1
    let id = StackID(stackNumbers.count)
    stackNumbers[stack] = id
    define(.stack(id, stack))
    return id
  }
}
